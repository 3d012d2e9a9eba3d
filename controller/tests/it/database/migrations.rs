//! Migrating: from nothing, again, after psql, and with a file that changed.

use std::process::Command;

use flatrender_controller::database::migrations::FILES;
use sqlx::PgPool;

use crate::cluster::{TestDb, programs_dir};

async fn recorded(admin: &PgPool) -> Vec<(i32, String, String, String)> {
    sqlx::query_as("SELECT version, name, sha256, how FROM app.schema_migrations ORDER BY version")
        .fetch_all(admin)
        .await
        .expect("the register is there")
}

/// What a schema-only dump of the database says.
fn dump(db: &TestDb) -> String {
    let output = Command::new(programs_dir().join("pg_dump"))
        .args(["--schema-only", "--dbname", &db.url()])
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("a dump is text");
    // Newer versions put a random key into these two lines.
    text.lines()
        .filter(|line| !line.contains("restrict "))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Runs one of the files as a person would.
fn psql(db: &TestDb, name: &str) {
    let file = format!("{}/../migrations/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(programs_dir().join("psql"))
        .args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &db.url(),
            "-f",
            &file,
        ])
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs all of them.
pub fn set_up_by_psql(db: &TestDb) {
    for file in FILES {
        psql(db, file.name);
    }
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let db = TestDb::empty().await;
    let first = db.database().migrate().await.unwrap();
    assert_eq!(
        (first.applied.len(), first.adopted.len(), first.already),
        (FILES.len(), 0, 0)
    );
    let (rows, schema) = (recorded(&db.admin().await).await, dump(&db));
    let second = db.database().migrate().await.unwrap();
    assert_eq!(
        (second.applied.len(), second.adopted.len(), second.already),
        (0, 0, FILES.len())
    );
    assert_eq!(recorded(&db.admin().await).await, rows);
    assert_eq!(dump(&db), schema);
}

#[tokio::test]
async fn a_database_that_psql_set_up_is_adopted() {
    let by_psql = TestDb::empty().await;
    set_up_by_psql(&by_psql);
    let report = by_psql.database().migrate().await.unwrap();
    assert_eq!(
        (report.applied.len(), report.adopted.len(), report.already),
        (0, FILES.len(), 0)
    );
    assert!(
        recorded(&by_psql.admin().await)
            .await
            .iter()
            .all(|(_, _, _, how)| how == "adopted")
    );
    assert_eq!(
        dump(&by_psql),
        dump(&TestDb::new().await),
        "psql and `migrate` lead to the same database"
    );
}

#[tokio::test]
async fn what_psql_left_out_is_applied() {
    let db = TestDb::empty().await;
    psql(&db, FILES[0].name);
    let report = db.database().migrate().await.unwrap();
    assert_eq!(report.adopted, [FILES[0].name]);
    assert_eq!(report.applied.len(), FILES.len() - 1);
}

#[tokio::test]
async fn two_migrators_at_once_do_the_work_once() {
    let db = TestDb::empty().await;
    let (one, other) = tokio::join!(db.database().migrate(), db.database().migrate());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.applied.len() + other.applied.len(), FILES.len());
    assert_eq!(one.already + other.already, FILES.len());
}

#[tokio::test]
async fn a_changed_file_stops_everything() {
    let db = TestDb::new().await;
    let admin = db.admin().await;
    sqlx::raw_sql("UPDATE app.schema_migrations SET sha256 = repeat('0', 64) WHERE version = 0")
        .execute(&admin)
        .await
        .unwrap();
    let text = db
        .database()
        .migrate()
        .await
        .expect_err("the file differs")
        .to_string();
    assert!(
        text.contains("migrations/00_setup.sql was changed"),
        "{text}"
    );
    assert!(
        !text.contains("--reset"),
        "somebody's own server is never offered to be wiped: {text}"
    );
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let db = TestDb::new().await;
    let statement = "INSERT INTO app.schema_migrations (version, name, sha256, how)
                     VALUES (99, '99_later', repeat('a', 64), 'applied')";
    sqlx::raw_sql(statement)
        .execute(&db.admin().await)
        .await
        .unwrap();
    let text = db
        .database()
        .migrate()
        .await
        .expect_err("it is newer")
        .to_string();
    assert!(text.contains("migration 99 `99_later`"), "{text}");
}
