//! The shim with real processes: `sh` and `sleep` as a launcher with a second process.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use flatrender_agent::process::{self, End, Ident};
use flatrender_agent::work::shim::{Exit, Found, Order, Said, Shim};

use crate::stores::until;

const LIMIT: Duration = Duration::from_secs(20);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_flatrender-agent"))
}

fn order(folder: &Path, script: &str) -> Order {
    Order {
        program: "/bin/sh".into(),
        args: vec![OsString::from("-c"), OsString::from(script)],
        folder: folder.to_owned(),
        log: folder.join("log"),
        unclaimed: Duration::from_secs(60),
        grace: Duration::from_millis(300),
    }
}

/// How it ended, for somebody who comes later. A shim that is about to end may be met alive once more.
async fn exit_of(folder: &Path) -> Exit {
    match Shim::find(folder, LIMIT).await.unwrap() {
        Found::Ended(exit) => exit,
        Found::Alive(mut shim) => loop {
            if let Said::Ended(exit) = next(&mut shim).await {
                return exit;
            }
        },
        Found::Never => panic!("it has run"),
    }
}

/// A launcher with a second process that has a session of its own and outlives it.
const TWO: &str = "setsid sleep 600 & echo up; wait";

async fn start(folder: &Path, script: &str) -> Shim {
    Shim::start(program(), folder, &order(folder, script), LIMIT)
        .await
        .unwrap()
}

async fn next(shim: &mut Shim) -> Said {
    tokio::time::timeout(LIMIT, shim.next())
        .await
        .expect("the shim says something")
}

async fn both_up(folder: &Path, shim: &Shim) -> Vec<Ident> {
    let log = folder.join("log");
    until("the launcher's word", LIMIT, || {
        std::fs::read(&log).is_ok_and(|text| text == b"up\n")
    })
    .await;
    until("both processes", LIMIT, || shim.members().len() == 2).await;
    shim.members()
}

#[tokio::test]
async fn exit_code_and_output_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut shim = start(folder.path(), "echo out; echo err >&2; exit 3").await;
    let end = End {
        code: Some(3),
        signal: None,
    };
    let exit = loop {
        match next(&mut shim).await {
            Said::LauncherEnded(ended) => assert_eq!(ended, end),
            Said::Ended(exit) => break exit,
        }
    };
    assert_eq!(
        (exit.launcher, exit.forced, exit.unclaimed),
        (Some(end), false, false)
    );
    assert_eq!(
        std::fs::read(folder.path().join("log")).unwrap(),
        b"out\nerr\n"
    );
    let found = exit_of(folder.path()).await;
    assert_eq!(found, exit);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut order = order(folder.path(), "");
    order.program = "/nowhere/aerender".into();
    let mut shim = Shim::start(program(), folder.path(), &order, LIMIT)
        .await
        .unwrap();
    let Said::Ended(exit) = next(&mut shim).await else {
        panic!("nothing was started");
    };
    assert!(exit.error.unwrap().starts_with("start /nowhere/aerender: "));
}

#[tokio::test]
async fn stop_ends_only_the_launcher_and_kill_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut shim = start(folder.path(), TWO).await;
    let members = both_up(folder.path(), &shim).await;
    let launcher = shim.born().unwrap().tree.launcher.clone();
    shim.stop().await;
    let Said::LauncherEnded(end) = next(&mut shim).await else {
        panic!("the second process is still there");
    };
    assert_eq!(end.signal, Some(15));
    let left: Vec<&Ident> = members
        .iter()
        .filter(|member| process::alive(member))
        .collect();
    assert_eq!(left.len(), 1);
    assert_ne!(*left[0], launcher);
    shim.kill().await;
    let Said::Ended(exit) = next(&mut shim).await else {
        panic!("all is killed");
    };
    assert!(exit.forced);
    assert_eq!(exit.left, []);
    assert!(!members.iter().any(process::alive));
}

#[tokio::test]
async fn a_launcher_that_will_not_listen_is_ended_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut shim = start(
        folder.path(),
        "trap '' TERM; echo up; while :; do sleep 600; done",
    )
    .await;
    both_up(folder.path(), &shim).await;
    shim.stop().await;
    let Said::LauncherEnded(end) = next(&mut shim).await else {
        panic!("its sleep is still there");
    };
    assert_eq!(end.signal, Some(9));
    shim.kill().await;
    assert!(matches!(next(&mut shim).await, Said::Ended(_)));
}

#[tokio::test]
async fn it_outlives_its_agent_and_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let shim = start(folder.path(), TWO).await;
    let members = both_up(folder.path(), &shim).await;
    let born = shim.born().cloned();
    drop(shim);
    let Found::Alive(mut shim) = Shim::find(folder.path(), LIMIT).await.unwrap() else {
        panic!("it goes on");
    };
    assert_eq!(shim.born().cloned(), born);
    assert!(members.iter().all(process::alive));
    shim.kill().await;
    while !matches!(next(&mut shim).await, Said::Ended(_)) {}
    assert!(!members.iter().any(process::alive));
}

#[tokio::test]
async fn unclaimed_it_stops_by_the_launcher_then_kills_then_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut order = order(folder.path(), TWO);
    order.unclaimed = Duration::from_millis(500);
    let shim = Shim::start(program(), folder.path(), &order, LIMIT)
        .await
        .unwrap();
    let members = both_up(folder.path(), &shim).await;
    drop(shim);
    let exit = folder.path().join("shim.exit");
    until("its end", LIMIT, || exit.exists()).await;
    assert!(!members.iter().any(process::alive));
    let exit = exit_of(folder.path()).await;
    assert!(exit.unclaimed && exit.forced);
}

#[tokio::test]
async fn what_a_killed_shim_leaves_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut shim = start(folder.path(), "sleep 600 & echo up; wait").await;
    let members = both_up(folder.path(), &shim).await;
    let root = shim.born().unwrap().tree.root.clone();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(root.pid.cast_signed()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let Said::Ended(exit) = next(&mut shim).await else {
        panic!("its last word is found for it");
    };
    assert_eq!(exit.error.as_deref(), Some("the shim was killed"));
    assert!(exit.forced);
    assert!(!members.iter().any(process::alive));
}

#[tokio::test]
async fn a_shim_that_never_came_up_never_will() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Duration::from_millis(100);
    let begun = Instant::now();
    assert!(matches!(
        Shim::find(folder.path(), limit).await.unwrap(),
        Found::Never
    ));
    assert!(begun.elapsed() >= limit);
    // A shim that comes late finds no order and starts nothing.
    let status = std::process::Command::new(program())
        .args(["shim", "--dir"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
    assert!(!folder.path().join("log").exists());
}

#[tokio::test]
async fn a_long_path_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let mut shim = start(&long, "exec sleep 600").await;
    shim.stop().await;
    loop {
        if let Said::Ended(exit) = next(&mut shim).await {
            assert!(!exit.forced);
            break;
        }
    }
}
