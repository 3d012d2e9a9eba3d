//! The folders of one embedded cluster: the lock on them, the data made whole or not at all, and the way to remove them.
//!
//! It starts no server. Everything here blocks; callers run it off the async threads.

#![expect(
    clippy::disallowed_methods,
    reason = "waits for a lock file, with a deadline"
)]

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::binaries::Programs;
use super::{Durability, SUPERUSER};
use crate::database::error::DatabaseError;

/// Longest path of a unix socket in bytes, without the closing zero (Linux: 108 with it; macOS has 104).
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// What PostgreSQL adds to the folder: `/.s.PGSQL.5432` and, for its lock, `.lock`.
const SOCKET_NAME: usize = "/.s.PGSQL.5432".len();
/// A server's log larger than this is set aside at start.
const LOG_MAX_BYTES: u64 = 16 << 20;

/// The paths of a cluster under its base folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) base: PathBuf,
    pub(super) data: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
}

impl Layout {
    /// Makes the base folder when it is missing and says where everything is. The base is resolved, since the server
    /// has another working folder and a link would hide who is in the way.
    pub(super) fn at(base_dir: &Path) -> Result<Self, DatabaseError> {
        std::fs::create_dir_all(base_dir).map_err(DatabaseError::io("create", base_dir))?;
        let base =
            std::fs::canonicalize(base_dir).map_err(DatabaseError::io("resolve", base_dir))?;
        Ok(Self {
            data: base.join("data"),
            socket_dir: socket_dir(&base),
            log: base.join("postgres.log"),
            base,
        })
    }

    /// Makes the data folder unless it is there. `initdb` works beside it and the result is renamed once it is on disk:
    /// whatever is killed on the way, `data` is whole or absent.
    pub(super) fn ensure_data(
        &self,
        programs: &Programs,
        account: &Account,
        durability: Durability,
    ) -> Result<(), DatabaseError> {
        if self.data.join("PG_VERSION").exists() {
            return Ok(());
        }
        let unfinished = self.base.join("data.new");
        remove_folder(&unfinished)?;
        account.own_folder(&unfinished)?;
        let mut initdb = account.command(&programs.path("initdb"), &self.base);
        initdb
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username", SUPERUSER]);
        initdb.args([
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        initdb.args(["--data-checksums", "--no-instructions", "--no-sync"]);
        run(initdb, &self.data)?;
        if durability == Durability::Full {
            sync_tree(programs, account, &unfinished, self)?;
        }
        std::fs::rename(&unfinished, &self.data)
            .map_err(DatabaseError::io("put in place", &self.data))?;
        if durability == Durability::Full {
            sync_folder(&self.base)?;
        }
        Ok(())
    }

    /// Opens the server's log for appending; a large one is set aside first.
    pub(super) fn open_log(&self) -> Result<File, DatabaseError> {
        let large = std::fs::metadata(&self.log).is_ok_and(|meta| meta.len() > LOG_MAX_BYTES);
        if large {
            let aside = self.log.with_extension("log.1");
            std::fs::rename(&self.log, &aside)
                .map_err(DatabaseError::io("set aside as", &aside))?;
        }
        let mut options = File::options();
        options.create(true).append(true).read(true);
        options
            .open(&self.log)
            .map_err(DatabaseError::io("open", &self.log))
    }

    /// The process id in `postmaster.pid`, if there is one.
    pub(super) fn recorded_pid(&self) -> Option<i32> {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        text.lines()
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|pid| *pid > 1)
    }

    /// Removes the cluster, but for the lock file that the caller holds.
    pub(super) fn remove(&self) -> Result<(), DatabaseError> {
        // The data first goes out of the way in one step: a reset that is cut short leaves no half of it behind.
        let gone = self.base.join("data.gone");
        remove_folder(&gone)?;
        match std::fs::rename(&self.data, &gone) {
            Ok(()) => remove_folder(&gone)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(DatabaseError::io("remove", &self.data)(error)),
        }
        remove_folder(&self.base.join("data.new"))?;
        remove_folder(&self.socket_dir)?;
        for log in [self.log.clone(), self.log.with_extension("log.1")] {
            match std::fs::remove_file(&log) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DatabaseError::io("remove", log)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The lock on a base folder: one controller for each. Held until the server is gone, freed by the system if its holder
/// is killed.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting at most `patience` for a holder that is on its way out.
    pub(super) fn take(base: &Path, patience: Duration) -> Result<Self, DatabaseError> {
        let path = base.join("lock");
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options
            .open(&path)
            .map_err(DatabaseError::io("open", &path))?;
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Err(DatabaseError::InUse {
                        base_dir: base.into(),
                        holder: holder(&mut file),
                    });
                }
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(DatabaseError::io("lock", path)(error));
                }
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(DatabaseError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text) {
        Ok(length) if length > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => String::from("(unknown)"),
    }
}

/// Inside the base folder where the path is short enough, else a folder of its own in the system's temporary one.
fn socket_dir(base: &Path) -> PathBuf {
    let inside = base.join("run");
    if inside.as_os_str().len() + SOCKET_NAME <= SOCKET_PATH_MAX {
        return inside;
    }
    let digest = hex::encode(Sha256::digest(base.as_os_str().as_bytes()));
    PathBuf::from(format!("/tmp/flatrender-{}", &digest[..16]))
}

fn run(mut command: Command, data_dir: &Path) -> Result<(), DatabaseError> {
    let program = PathBuf::from(command.get_program());
    super::process::die_with_parent(&mut command, nix::sys::signal::Signal::SIGKILL);
    let output = command
        .output()
        .map_err(DatabaseError::io("run", program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rev()
        .take(6)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<Vec<_>>()
        .join(" | ");
    Err(DatabaseError::Initdb {
        data_dir: data_dir.into(),
        said: format!("{} ({last})", output.status),
    })
}

fn remove_folder(dir: &Path) -> Result<(), DatabaseError> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DatabaseError::io("remove", dir)(error))
        }
        _ => Ok(()),
    }
}

/// Puts the new cluster on the disk. Its thousand small files take seconds one by one (3.7 s measured on a busy disk);
/// where the system can sync a whole file system at once it is asked to (0.2 to 0.6 s on the same).
#[cfg(target_os = "linux")]
fn sync_tree(
    _programs: &Programs,
    _account: &Account,
    tree: &Path,
    _layout: &Layout,
) -> Result<(), DatabaseError> {
    let dir = File::open(tree).map_err(DatabaseError::io("open", tree))?;
    nix::unistd::syncfs(dir).map_err(|errno| DatabaseError::io("sync", tree)(errno.into()))
}

/// Puts the new cluster on the disk, file by file.
#[cfg(not(target_os = "linux"))]
fn sync_tree(
    programs: &Programs,
    account: &Account,
    tree: &Path,
    layout: &Layout,
) -> Result<(), DatabaseError> {
    let mut sync = account.command(&programs.path("initdb"), &layout.base);
    sync.arg("--sync-only").arg("--pgdata").arg(tree);
    run(sync, &layout.data)
}

fn sync_folder(dir: &Path) -> Result<(), DatabaseError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(DatabaseError::io("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_leaves_a_base_folder_whose_path_is_too_long() {
        let short = Path::new("/var/lib/flatrender/pg");
        assert_eq!(socket_dir(short), short.join("run"));
        let long = Path::new("/").join("a".repeat(100));
        let dir = socket_dir(&long);
        assert!(
            dir.starts_with("/tmp") && dir.as_os_str().len() + SOCKET_NAME <= SOCKET_PATH_MAX,
            "{dir:?}"
        );
        assert_ne!(dir, socket_dir(&Path::new("/").join("b".repeat(100))));
    }

    #[test]
    fn a_locked_base_folder_is_refused_with_the_holder_named() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path(), Duration::ZERO).unwrap();
        let error = Lock::take(dir.path(), Duration::ZERO)
            .expect_err("it is held")
            .to_string();
        assert!(
            error.contains(&format!("in use by process {}", std::process::id())),
            "{error}"
        );
        drop(held);
        Lock::take(dir.path(), Duration::ZERO).unwrap();
    }
}
