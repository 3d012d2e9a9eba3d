//! Finds the programs of a PostgreSQL server: where to look, in which order, and which version fits a data folder.
//!
//! It starts nothing but `postgres --version` and `pg_config --bindir`, and downloads nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "the server programs are asked for their version"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::error::DatabaseError;

/// The oldest major version that the migrations run on.
pub const OLDEST_MAJOR: u32 = 15;

/// A folder with `initdb` and `postgres`, and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The folder.
    pub dir: PathBuf,
    /// Their major version.
    pub major: u32,
}

impl Programs {
    /// The path of one of the programs.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(executable(name))
    }
}

/// Where to look. [`Search::of_this_machine`] is the real one; tests make their own.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Given by `FLATRENDER_PG_BIN`: the only place when set.
    pub given: Option<PathBuf>,
    /// Candidates in order of preference.
    pub places: Vec<PathBuf>,
    /// How the places are called in a message.
    pub described: String,
}

impl Search {
    /// The order on this machine: `FLATRENDER_PG_BIN`, a copy beside the executable, `pg_config` on the PATH, then where
    /// Debian, the RPM packages, Homebrew and Postgres.app put it, newest first.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let given = std::env::var_os("FLATRENDER_PG_BIN")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        let mut places = beside_the_executable();
        places.extend(from_pg_config());
        let mut described =
            String::from("FLATRENDER_PG_BIN, beside the executable, `pg_config --bindir`");
        for (parent, prefix, rest) in KNOWN_PLACES {
            places.extend(newest_first(Path::new(parent), prefix, rest));
            described.push_str(&format!(", {parent}/{prefix}*/{rest}"));
        }
        Self {
            given,
            places,
            described,
        }
    }

    /// The first place that has a server of `wanted`, or of any version from [`OLDEST_MAJOR`] on.
    ///
    /// # Errors
    /// [`DatabaseError::NoServerPrograms`] with the packages to install, or [`DatabaseError::OtherMajor`] when there are
    /// servers, but none that can read `data_dir`.
    pub fn find(&self, wanted: Option<u32>, data_dir: &Path) -> Result<Programs, DatabaseError> {
        let places = match &self.given {
            Some(dir) => std::slice::from_ref(dir),
            None => &self.places,
        };
        let mut found: Vec<u32> = Vec::new();
        for dir in places {
            let Some(programs) = programs_in(dir) else {
                continue;
            };
            let fits = wanted.map_or(programs.major >= OLDEST_MAJOR, |major| {
                programs.major == major
            });
            if fits {
                return Ok(programs);
            }
            found.push(programs.major);
        }
        found.sort_unstable();
        found.dedup();
        match wanted {
            Some(data) if !found.is_empty() => {
                let found = found
                    .iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(", ");
                Err(DatabaseError::OtherMajor {
                    data_dir: data_dir.to_path_buf(),
                    data,
                    found,
                })
            }
            _ => Err(DatabaseError::NoServerPrograms {
                looked: self.looked(),
            }),
        }
    }

    fn looked(&self) -> String {
        match &self.given {
            Some(dir) => format!("{}, which FLATRENDER_PG_BIN names", dir.display()),
            None => self.described.clone(),
        }
    }
}

/// Folder, start of the name that carries the version, and what follows it.
const KNOWN_PLACES: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The major version in a data folder's `PG_VERSION`; `None` when there is no data yet.
#[cfg(unix)]
pub(super) fn major_of_data(data_dir: &Path) -> Result<Option<u32>, DatabaseError> {
    let file = data_dir.join("PG_VERSION");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DatabaseError::io("read", file)(error)),
    };
    let major = text.trim().parse().map_err(|_| {
        DatabaseError::io("read a version from", &file)(std::io::Error::from(
            std::io::ErrorKind::InvalidData,
        ))
    })?;
    Ok(Some(major))
}

fn programs_in(dir: &Path) -> Option<Programs> {
    let is_file = |name: &str| dir.join(executable(name)).is_file();
    if !(is_file("initdb") && is_file("postgres")) {
        return None;
    }
    let output = Command::new(dir.join(executable("postgres")))
        .arg("--version")
        .output()
        .ok()?;
    let major = major_in(&String::from_utf8_lossy(&output.stdout))?;
    Some(Programs {
        dir: dir.to_path_buf(),
        major,
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` and `… 18beta1` → the first number after the closing bracket.
fn major_in(version: &str) -> Option<u32> {
    let after = version.split_once("(PostgreSQL)")?.1.trim_start();
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn beside_the_executable() -> Vec<PathBuf> {
    let Some(dir) = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_path_buf))
    else {
        return Vec::new();
    };
    vec![
        dir.join("postgres/bin"),
        dir.join("../lib/flatrender/postgres/bin"),
    ]
}

fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !dir.trim().is_empty()).then(|| PathBuf::from(dir.trim()))
}

fn newest_first(parent: &Path, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let major = name.strip_prefix(prefix)?.split('.').next()?.parse().ok()?;
            Some((major, entry.path().join(rest)))
        })
        .collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_is_read_from_every_shape_of_version() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("something else 15.2", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(major_in(text), expected, "{text}");
        }
    }

    #[test]
    fn without_programs_the_error_names_what_to_install_everywhere() {
        let search = Search {
            given: None,
            places: vec!["/nowhere/bin".into()],
            described: "/nowhere".into(),
        };
        let text = search
            .find(None, Path::new("/data"))
            .expect_err("nothing is there")
            .to_string();
        for part in [
            "Debian",
            "postgresql-server",
            "brew install",
            "Windows",
            "--database-url",
            "/nowhere",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn a_wrong_given_folder_is_not_passed_over_in_silence() {
        let mut search = Search::of_this_machine();
        search.given = Some("/nowhere/bin".into());
        let text = search
            .find(None, Path::new("/data"))
            .expect_err("nothing is there")
            .to_string();
        assert!(
            text.contains("/nowhere/bin, which FLATRENDER_PG_BIN names"),
            "{text}"
        );
    }
}
