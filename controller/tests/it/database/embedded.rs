//! The embedded server through its life: made, stopped, killed, left over, taken back, removed.
//!
//! What happens when a controller dies can only be seen from outside, so some tests run this same binary as one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use flatrender_controller::database::embedded::{Durability, Embedded};
use flatrender_controller::database::{Database, DatabaseError, Role, reset_embedded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};

use super::outside::{
    Base, Controller, MAKE, PLAY, count, is_there, start_orphan, wait_until, write,
};

/// Not a test of its own: see [`Controller`].
#[tokio::test]
async fn plays_the_controller() {
    let Some(base_dir) = std::env::var_os(PLAY) else {
        return;
    };
    let server = Embedded::start(Path::new(&base_dir), Durability::Full)
        .await
        .unwrap();
    println!("\nready {}", server.pid().unwrap());
    let asked = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    asked.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_cluster_is_made_stopped_and_started_again_with_its_data() {
    let base = Base::new();
    let server = base.start().await;
    write(&base, MAKE).await;
    let pid = server.pid().unwrap();
    assert_eq!(base.recorded_pid(), Some(pid));
    server.stop().await;
    assert!(!is_there(pid), "the server is gone");
    assert_eq!(base.recorded_pid(), None);
    let began = Instant::now();
    let server = base.start().await;
    eprintln!(
        "restart to first answer: {} ms",
        began.elapsed().as_millis()
    );
    assert_eq!(count(&base).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn the_server_is_durable_private_and_has_no_port() {
    let base = Base::on_disk();
    let database = Database::open(&base.source(), &BTreeMap::new())
        .await
        .unwrap();
    assert!(database.is_embedded());
    let pool = database.pool(Role::Migrator, 1).await.unwrap();
    for (setting, expected) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(value, expected, "{setting}");
    }
    pool.close().await;
    for folder in ["data", "run"] {
        let mode = std::fs::metadata(base.path().join(folder))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    database.stop().await;
}

#[tokio::test]
async fn a_killed_controller_takes_its_server_with_it() {
    let base = Base::on_disk();
    let server = Controller::start(&base).kill();
    if cfg!(target_os = "linux") {
        wait_until("the server ends", || !is_there(server));
        wait_until("it removes its lock file", || base.recorded_pid().is_none());
    }
    base.start().await.stop().await;
}

#[tokio::test]
async fn controller_and_server_killed_together_come_back_with_what_was_committed() {
    let base = Base::on_disk();
    let server = base.start().await;
    write(&base, MAKE).await;
    server.stop().await;
    for round in 2..5 {
        let controller = Controller::start(&base);
        let mut session = PgConnection::connect_with(&base.superuser()).await.unwrap();
        sqlx::query("INSERT INTO kept VALUES ($1)")
            .bind(round)
            .execute(&mut session)
            .await
            .unwrap();
        kill(Pid::from_raw(controller.server), Signal::SIGKILL).unwrap();
        controller.kill();
        let began = Instant::now();
        let server = base.start().await;
        eprintln!(
            "both killed to first answer: {} ms",
            began.elapsed().as_millis()
        );
        assert_eq!(count(&base).await, i64::from(round));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_server_killed_under_a_living_controller_comes_back_by_itself() {
    let base = Base::new();
    let server = base.start().await;
    write(&base, MAKE).await;
    let pool = PgPoolOptions::new().max_connections(2);
    let pool = pool.connect_with(base.superuser()).await.unwrap();
    for _ in 0..3 {
        let killed = base.recorded_pid().unwrap();
        kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
        wait_until("it is dead", || !is_there(killed));
        let until = Instant::now() + Duration::from_secs(30);
        let count: i64 = loop {
            match sqlx::query_scalar("SELECT count(*) FROM kept")
                .fetch_one(&pool)
                .await
            {
                Ok(count) => break count,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
        };
        assert_eq!(count, 1);
        assert_ne!(base.recorded_pid(), Some(killed));
    }
    let failed = tokio::time::timeout(Duration::from_millis(1), server.failed()).await;
    assert!(
        failed.is_err(),
        "a crash that was recovered from is no failure"
    );
    pool.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_come_back_is_reported() {
    let base = Base::new();
    let server = base.start().await;
    std::fs::write(
        base.path().join("data/postgresql.conf"),
        "no_such_setting = 1",
    )
    .unwrap();
    kill(Pid::from_raw(server.pid().unwrap()), Signal::SIGKILL).unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(60), server.failed())
        .await
        .unwrap();
    let text = failed.to_string();
    assert!(
        text.contains("no_such_setting") && text.contains("postgres.log"),
        "{text}"
    );
    server.stop().await;
    let text = Database::open(&base.source(), &BTreeMap::new())
        .await
        .expect_err("it is broken")
        .to_string();
    assert!(text.contains("no_such_setting"), "{text}");
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_not_reset() {
    let base = Base::new();
    let server = base.start().await;
    let reset = reset_embedded(&base.path())
        .await
        .expect_err("it is in use");
    assert!(matches!(reset, DatabaseError::InUse { .. }), "{reset}");
    let second = Database::open(&base.source(), &BTreeMap::new())
        .await
        .expect_err("it is in use")
        .to_string();
    assert!(
        second.contains(&format!("in use by process {}", std::process::id())),
        "{second}"
    );
    write(&base, MAKE).await;
    server.stop().await;
    reset_embedded(&base.path()).await.unwrap();
    assert!(!base.path().join("data").exists() && !base.path().join("run").exists());
    let server = base.start().await;
    write(&base, MAKE).await; // the table is not there any more
    server.stop().await;
}

#[tokio::test]
async fn a_server_of_a_former_controller_is_taken_over() {
    let base = Base::new();
    base.start().await.stop().await;
    let mut orphan = start_orphan(&base);
    let until = Instant::now() + Duration::from_secs(30);
    while PgConnection::connect_with(&base.superuser()).await.is_err() {
        assert!(Instant::now() < until, "the orphan does not come up");
    }
    let reaper = std::thread::spawn(move || (orphan.id(), orphan.wait().unwrap()));
    let server = base.start().await;
    write(&base, MAKE).await;
    let (orphan, status) = reaper.join().unwrap();
    assert!(status.success(), "the orphan was stopped in order");
    assert_ne!(base.recorded_pid(), i32::try_from(orphan).ok());
    server.stop().await;
}

#[tokio::test]
async fn an_unfinished_cluster_is_made_anew() {
    let base = Base::new();
    std::fs::create_dir_all(base.path().join("data.new/base")).unwrap();
    std::fs::write(base.path().join("data.new/PG_VERSION"), "15").unwrap();
    base.start().await.stop().await;
    assert!(!base.path().join("data.new").exists());
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_both_versions_named() {
    let base = Base::new();
    std::fs::create_dir_all(base.path().join("data")).unwrap();
    std::fs::write(base.path().join("data/PG_VERSION"), "11\n").unwrap();
    let text = Database::open(&base.source(), &BTreeMap::new())
        .await
        .expect_err("nothing reads it")
        .to_string();
    assert!(
        text.contains("made by PostgreSQL 11, but this machine has ")
            && text.contains("pg_dumpall"),
        "{text}"
    );
}

#[tokio::test]
async fn an_ordinary_user_runs_it_as_itself_and_root_keeps_to_that_account() {
    let base = Base::on_disk();
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!(
            "SKIP: an_ordinary_user_runs_it_as_itself_and_root_keeps_to_that_account: not root"
        );
        return;
    }
    let nobody = nix::unistd::User::from_name("nobody")
        .unwrap()
        .expect("every system has it");
    nix::unistd::chown(base.0.path(), Some(nobody.uid), Some(nobody.gid)).unwrap();
    let binary = base.0.path().join("controller");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut command = Command::new(&binary);
    command
        .uid(nobody.uid.as_raw())
        .gid(nobody.gid.as_raw())
        .current_dir("/");
    let controller = Controller::start_with(command, &base);
    let mut session = PgConnection::connect_with(&base.superuser()).await.unwrap();
    sqlx::raw_sql(MAKE).execute(&mut session).await.unwrap();
    session.close().await.unwrap();
    controller.stop();
    let server = base.start().await;
    assert_eq!(count(&base).await, 1);
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_lock_file_whose_process_is_another_program_by_now_does_not_stop_the_start() {
    use std::os::unix::fs::MetadataExt;
    let base = Base::new();
    base.start().await.stop().await;
    let meta = std::fs::metadata(base.path().join("data")).unwrap();
    let mut other = Command::new("sleep");
    other.arg("600");
    if nix::unistd::Uid::effective().is_root() {
        other.uid(meta.uid()).gid(meta.gid()); // the server would not mind another user's process
    }
    let mut other = other.spawn().unwrap();
    let lock_file = base.path().join("data/postmaster.pid");
    std::fs::write(
        &lock_file,
        format!("{}\n{}\n", other.id(), base.path().join("data").display()),
    )
    .unwrap();
    let server = base.start().await;
    assert_eq!(base.recorded_pid(), server.pid());
    server.stop().await;
    assert_eq!(
        other.try_wait().unwrap(),
        None,
        "the other program was left alone"
    );
    other.kill().unwrap();
    other.wait().unwrap();
}
