//! Gives the service roles their passwords from a file that only its owner can read.
//!
//! Passwords are in no log and no error: the sessions that carry them log no statements, and every message here names
//! roles only.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::error::DatabaseError;
use super::role::Role;

/// The role of backups logs in too, though no pool of ours does.
const BACKUP: &str = "fr_backup";
/// Largest file that is read.
const FILE_MAX_BYTES: u64 = 64 << 10;
/// Shortest password that is taken.
const PASSWORD_MIN_CHARS: usize = 12;

/// Sets every password in `file` (`role = "password"` as TOML, or the same as a JSON object), all of them or none.
/// Returns the roles.
pub(super) async fn set(
    options: PgConnectOptions,
    file: &Path,
) -> Result<Vec<String>, DatabaseError> {
    let passwords = read(file)?;
    let sql = || DatabaseError::sql("set the passwords of the service roles");
    let mut session = options
        .disable_statement_logging()
        .connect()
        .await
        .map_err(sql())?;
    let mut tx = session.begin().await.map_err(sql())?;
    for (role, password) in &passwords {
        // The server quotes its own literal. The password travels as a parameter first, then inside that literal.
        let quote =
            sqlx::query_scalar("SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)");
        let statement: String = quote
            .bind(role)
            .bind(password)
            .fetch_one(&mut *tx)
            .await
            .map_err(sql())?;
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *tx)
            .await
            .map_err(sql())?;
    }
    tx.commit().await.map_err(sql())?;
    session.close().await.map_err(sql())?;
    Ok(passwords.into_keys().collect())
}

fn read(file: &Path) -> Result<BTreeMap<String, String>, DatabaseError> {
    let refuse = |why: String| DatabaseError::Passwords {
        file: file.into(),
        why,
    };
    let meta = std::fs::metadata(file).map_err(DatabaseError::io("read", file))?;
    assert_private(&meta).map_err(refuse)?;
    if meta.len() > FILE_MAX_BYTES {
        return Err(refuse(format!(
            "it has {} bytes, at most {FILE_MAX_BYTES} are read",
            meta.len()
        )));
    }
    let text = std::fs::read_to_string(file).map_err(DatabaseError::io("read", file))?;
    parse(&text).map_err(refuse)
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    // The parsers' own messages quote the line, and with it a password.
    let passwords: BTreeMap<String, String> = if text.trim_start().starts_with('{') {
        serde_json::from_str(text)
            .map_err(|error| format!("it is no JSON object of texts (line {})", error.line()))?
    } else {
        toml::from_str(text)
            .map_err(|_| String::from("it is no TOML of the form `role = \"password\"`"))?
    };
    if passwords.is_empty() {
        return Err(String::from("it names no role"));
    }
    let known =
        |name: &str| name == BACKUP || Role::SERVICES.iter().any(|role| role.name() == name);
    for (role, password) in &passwords {
        if !known(role) {
            let names: Vec<&str> = Role::SERVICES
                .iter()
                .map(|role| role.name())
                .chain([BACKUP])
                .collect();
            return Err(format!(
                "`{role}` is no service role; those are {}",
                names.join(", ")
            ));
        }
        let length = password.chars().count();
        if length < PASSWORD_MIN_CHARS {
            return Err(format!(
                "the password of `{role}` has {length} characters, at least {PASSWORD_MIN_CHARS} are needed"
            ));
        }
        // Beyond this, server and client don't agree on what the same password is.
        if !password.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(format!(
                "the password of `{role}` has other characters than printable ASCII ones; use letters, digits and signs"
            ));
        }
    }
    Ok(passwords)
}

#[cfg(unix)]
fn assert_private(meta: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "others may use it (mode {mode:04o}); `chmod 600` it"
    ))
}

/// Who may read a file is not in its mode here; its folder's rights decide.
#[cfg(not(unix))]
fn assert_private(_meta: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read() {
        let expected = BTreeMap::from([("fr_render".to_owned(), "correct horse".to_owned())]);
        assert_eq!(parse("fr_render = 'correct horse'"), Ok(expected.clone()));
        assert_eq!(parse("{\"fr_render\": \"correct horse\"}"), Ok(expected));
    }

    #[test]
    fn what_is_refused_is_named_and_no_password_is_shown() {
        let cases = [
            (
                "fr_render = \"hunter2\"",
                "the password of `fr_render` has 7 characters",
            ),
            (
                "postgres = \"hunter2hunter2\"",
                "`postgres` is no service role",
            ),
            ("fr_render = hunter2hunter2", "no TOML"),
            (
                "{\"fr_render\": hunter2}",
                "no JSON object of texts (line 1)",
            ),
            ("fr_render = \"hunter2\\u0000hunter2\"", "printable ASCII"),
            ("", "names no role"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            assert!(
                error.contains(expected) && !error.contains("hunter2"),
                "{text:?}: {error}"
            );
        }
    }
}
