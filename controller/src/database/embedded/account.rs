//! Which account the server's processes run as, and whether that account can reach its folders.
//!
//! PostgreSQL refuses to run as root. A controller that is root gives its server an unprivileged account that exists
//! (`initdb` refuses a number without a name); any other controller runs it as itself.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that starts programs of the embedded server"
)]

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, User};

use crate::database::error::DatabaseError;

/// The account of the server's processes.
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    /// Set when this process is root and has to step down for its children.
    steps_down: bool,
}

impl Account {
    /// The owner of the existing data, else `postgres`, else `nobody` for root; this process's own account otherwise.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, DatabaseError> {
        let own = Uid::effective();
        let owner = std::fs::metadata(data_dir).ok().map(|meta| meta.uid());
        if !own.is_root() {
            if let Some(owner) = owner.filter(|owner| *owner != own.as_raw()) {
                return Err(DatabaseError::WrongOwner {
                    path: data_dir.into(),
                    owner,
                    expected: own.as_raw(),
                });
            }
            return Ok(Self {
                name: own.to_string(),
                uid: own,
                gid: Gid::effective(),
                steps_down: false,
            });
        }
        let by_name = |name: &str| {
            User::from_name(name)
                .ok()
                .flatten()
                .filter(|user| !user.uid.is_root())
        };
        let of_data = owner.and_then(|owner| User::from_uid(Uid::from_raw(owner)).ok().flatten());
        let user = match (owner, of_data) {
            (None, _) => by_name("postgres")
                .or_else(|| by_name("nobody"))
                .ok_or(DatabaseError::NoAccount)?,
            (Some(_), Some(user)) if !user.uid.is_root() => user,
            (Some(owner), _) => {
                let expected = by_name("postgres").map_or(0, |user| user.uid.as_raw());
                return Err(DatabaseError::WrongOwner {
                    path: data_dir.into(),
                    owner,
                    expected,
                });
            }
        };
        Ok(Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            steps_down: true,
        })
    }

    /// A command that will run as this account, with the environment that a server's program needs and no more of
    /// PostgreSQL's own variables than that.
    pub(super) fn command(&self, program: &Path, home: &Path) -> Command {
        let mut command = Command::new(program);
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            if name.starts_with("PG")
                || name.starts_with("LC_")
                || name == "LANG"
                || name == "LANGUAGE"
            {
                command.env_remove(&key);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("HOME", home)
            .current_dir("/");
        if self.steps_down {
            // The standard library drops the supplementary groups too when root sets a uid.
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command
    }

    /// Makes `dir` if it is missing, private to this account; refuses one that belongs to somebody else.
    pub(super) fn own_folder(&self, dir: &Path) -> Result<(), DatabaseError> {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        match std::fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) if self.steps_down => {
                nix::unistd::chown(dir, Some(self.uid), Some(self.gid))
                    .map_err(|errno| DatabaseError::io("give to its account", dir)(errno.into()))?;
            }
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(DatabaseError::io("create", dir)(error)),
        }
        let meta = std::fs::symlink_metadata(dir).map_err(DatabaseError::io("read", dir))?;
        if !meta.is_dir() {
            let error = std::io::Error::from(std::io::ErrorKind::NotADirectory);
            return Err(DatabaseError::io("use as a folder", dir)(error));
        }
        if meta.uid() != self.uid.as_raw() {
            return Err(DatabaseError::WrongOwner {
                path: dir.into(),
                owner: meta.uid(),
                expected: self.uid.as_raw(),
            });
        }
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(DatabaseError::io("make private", dir))
    }

    /// Refuses a base folder that this account can't get to, naming the folder that is in the way.
    pub(super) fn assert_can_reach(&self, base_dir: &Path) -> Result<(), DatabaseError> {
        if !self.steps_down {
            return Ok(());
        }
        let closed = base_dir.ancestors().find(|dir| !self.may_pass(dir));
        match closed {
            None => Ok(()),
            Some(closed) => Err(DatabaseError::FolderClosed {
                base_dir: base_dir.into(),
                closed: PathBuf::from(closed),
                account: self.name.clone(),
            }),
        }
    }

    fn may_pass(&self, dir: &Path) -> bool {
        let Ok(meta) = std::fs::metadata(dir) else {
            return false;
        };
        let bit = if meta.uid() == self.uid.as_raw() {
            0o100
        } else if meta.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        meta.mode() & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        if !Uid::effective().is_root() {
            return; // only root steps down to another account
        }
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let base = dir.path().join("pg");
        std::fs::create_dir(&base).unwrap();
        let account = Account::choose(&base.join("data")).unwrap();
        let error = account
            .assert_can_reach(&base)
            .expect_err("the folder is root's alone")
            .to_string();
        assert!(
            error.contains(&format!("can't pass through {};", dir.path().display())),
            "{error}"
        );
    }
}
