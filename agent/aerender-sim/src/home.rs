//! Answers for: what After Effects leaves in its preferences folder: the mark of an unclean end, which makes the next start show the
//! crash dialog, and how often a fault has happened. Must not: decide what a dialog or a fault does.
//!
//! The mark is made at a start and taken away at an orderly end, so it is there after any other end, however sudden. Instances
//! that run side by side share it: each holds a shared lock on it, and only a mark that nobody holds is a crash. A crash
//! beside an instance that ends well later is forgotten.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The mark's file name.
pub const CRASH_MARK: &str = "crash-repair.mark";
/// Held for a moment while the mark is looked at.
const GATE: &str = "crash-repair.lock";

/// The folder of the preferences.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// An instance that runs; see [`Session::leave`].
#[derive(Debug)]
pub struct Session {
    home: Home,
    mark: File,
}

impl Home {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    ///
    /// If it can't be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// Begins to run, or `None` if the crash dialog is in the way.
    ///
    /// # Errors
    ///
    /// If the folder can't be used.
    pub fn enter(&self) -> io::Result<Option<Session>> {
        let _gate = self.gate()?;
        let path = self.0.join(CRASH_MARK);
        let known = path.try_exists()?;
        let mark = open(&path)?;
        if known && alone(&mark)? {
            return Ok(None);
        }
        mark.lock_shared()?;
        Ok(Some(Session {
            home: self.clone(),
            mark,
        }))
    }

    /// Counts one more time of a fault, unless it has happened `times` times. Safe among processes.
    ///
    /// # Errors
    ///
    /// If the folder can't be used.
    pub fn count_fault(&self, fault: usize, times: u32) -> io::Result<bool> {
        for time in 0..times {
            let path = self.0.join(format!("fault-{fault}-{time}"));
            match File::create_new(path) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn gate(&self) -> io::Result<File> {
        let gate = open(&self.0.join(GATE))?;
        gate.lock()?;
        Ok(gate)
    }
}

impl Session {
    /// Ends in order: the mark goes, unless another instance runs.
    ///
    /// # Errors
    ///
    /// If the folder can't be used.
    pub fn leave(self) -> io::Result<()> {
        let _gate = self.home.gate()?;
        self.mark.unlock()?;
        let path = self.home.0.join(CRASH_MARK);
        if path.try_exists()? && alone(&open(&path)?)? {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Whether nobody holds this file; the lock is given back with the file.
fn alone(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => file.unlock().map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unclean_end_leaves_the_dialog() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path()).unwrap();
        let mark = folder.path().join(CRASH_MARK);
        home.enter().unwrap().unwrap().leave().unwrap();
        assert!(!mark.exists());

        drop(home.enter().unwrap().unwrap()); // the process is gone, its locks with it
        assert!(home.enter().unwrap().is_none());
        assert!(home.enter().unwrap().is_none(), "the dialog stays");
        std::fs::remove_file(&mark).unwrap();
        assert!(home.enter().unwrap().is_some());
    }

    #[test]
    fn instances_side_by_side_do_not_take_each_other_for_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path()).unwrap();
        let first = home.enter().unwrap().unwrap();
        let second = home.enter().unwrap().unwrap();
        first.leave().unwrap();
        assert!(folder.path().join(CRASH_MARK).exists());
        second.leave().unwrap();
        assert!(!folder.path().join(CRASH_MARK).exists());
    }

    #[test]
    fn a_fault_is_counted_over_all_who_share_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let count = |fault| {
            Home::new(folder.path())
                .unwrap()
                .count_fault(fault, 2)
                .unwrap()
        };
        assert_eq!([count(0), count(0), count(0)], [true, true, false]);
        assert!(count(1));
    }
}
