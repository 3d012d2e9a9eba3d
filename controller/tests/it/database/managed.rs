//! A server as a provider would offer it: the migrator is no superuser, and every service logs in with a password.

use std::collections::BTreeMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flatrender_controller::database::embedded::{Durability, Embedded};
use flatrender_controller::database::migrations::FILES;
use flatrender_controller::database::{Database, DatabaseError, Role, Source};
use sqlx::{Connection, PgConnection};

use crate::cluster::scratch_dir;

/// With everything in it that quoting could get wrong.
const PASSWORD: &str = r#"it's "quoted" \ back; -- $$ %s ~"#;

async fn superuser(server: &Embedded, database: &str) -> PgConnection {
    let options = server.options("flatrender", database);
    PgConnection::connect_with(&options)
        .await
        .expect("the superuser is trusted")
}

fn private_file(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("passwords.toml");
    let mut options = std::fs::File::options();
    let file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .expect("it can be made");
    file.set_permissions(PermissionsExt::from_mode(0o600))
        .expect("its mode is set");
    std::fs::write(&path, text).expect("it can be written");
    path
}

fn url(base: &Path, user: &str, password: &str) -> String {
    let encoded: String = password
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let socket = base.join("run").display().to_string().replace('/', "%2F");
    format!("postgres://{user}:{encoded}@{socket}/managed")
}

#[tokio::test]
async fn a_migrator_without_superuser_sets_everything_up_and_roles_log_in_with_their_passwords() {
    let dir = tempfile::Builder::new()
        .prefix("flatrender-managed-")
        .tempdir_in(scratch_dir())
        .unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let base = dir.path().join("pg");
    let server = Embedded::start(&base, Durability::ForTestsOnly)
        .await
        .unwrap();
    let mut session = superuser(&server, "postgres").await;
    for statement in [
        "CREATE ROLE provider_admin LOGIN CREATEROLE PASSWORD 'migrator password'",
        "CREATE DATABASE managed OWNER provider_admin",
    ] {
        sqlx::raw_sql(statement)
            .execute(&mut session)
            .await
            .unwrap();
    }
    let rules = "local all flatrender trust\nlocal all all scram-sha-256\n";
    std::fs::write(base.join("data/pg_hba.conf"), rules).unwrap();
    sqlx::raw_sql("SELECT pg_reload_conf()")
        .execute(&mut session)
        .await
        .unwrap();
    session.close().await.unwrap();

    let migrator = Source::Url(url(&base, "provider_admin", "migrator password"));
    let urls = BTreeMap::from([
        ("fr_render".to_owned(), url(&base, "fr_render", PASSWORD)),
        (
            "fr_maint".to_owned(),
            url(&base, "fr_maint", "another password"),
        ),
        (
            "fr_studio".to_owned(),
            url(&base, "fr_studio", "never set, never right"),
        ),
    ]);
    let database = Database::open(&migrator, &urls).await.unwrap();
    let report = database.migrate().await.unwrap();
    assert_eq!(report.applied.len(), FILES.len());
    assert_eq!(database.migrate().await.unwrap().already, FILES.len());

    let quoted = serde_json::to_string(PASSWORD).unwrap();
    let file = private_file(
        dir.path(),
        &format!("fr_render = {quoted}\nfr_maint = 'another password'\n"),
    );
    assert_eq!(
        database.set_role_passwords(&file).await.unwrap(),
        ["fr_maint", "fr_render"]
    );
    database.pool(Role::Render, 1).await.unwrap();
    assert_eq!(database.ensure_partitions(0).await.unwrap().len(), 2);
    database
        .pool(Role::Studio, 1)
        .await
        .expect_err("it has no password yet");

    let one_of_two = private_file(
        dir.path(),
        "fr_render = 'a third password'\nfr_nobody = 'a fourth password'\n",
    );
    database
        .set_role_passwords(&one_of_two)
        .await
        .expect_err("one role is unknown");
    database
        .pool(Role::Render, 1)
        .await
        .expect("and so nothing was set");

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let error = database
        .set_role_passwords(&file)
        .await
        .expect_err("others may read it");
    assert!(matches!(error, DatabaseError::Passwords { .. }));
    assert!(
        error.to_string().contains("mode 0640") && error.to_string().contains("chmod 600"),
        "{error}"
    );

    let log = std::fs::read_to_string(base.join("postgres.log")).unwrap();
    assert!(
        !log.contains("another password") && !log.contains("quoted"),
        "{log}"
    );
    server.stop().await;
}
