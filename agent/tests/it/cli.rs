//! The program itself: what it says, its exit codes, and what becomes of a renderer when it is killed with -9.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flatrender_agent::link::enrol;
use flatrender_protocol::Digest;
use flatrender_protocol::message::{Ending, ToAgent, ToController};

use rand::{Rng, SeedableRng};

use crate::controller::Controller;
use crate::farm::{LIMIT, Stage};
use crate::stores::until;

fn agent(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flatrender-agent"));
    command
        .args(words)
        .env_remove("FLATRENDER_AGENT_DATA_DIR")
        .stdin(Stdio::null());
    command
}

/// Exit code and standard error.
fn fails(words: &[&str], variable: Option<(&str, &str)>) -> (Option<i32>, String) {
    let mut command = agent(words);
    command.envs(variable);
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn failures_have_their_exit_code_and_name_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let (code, said) = fails(&["run", "--data-dir", data], None);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("enrol it with: flatrender-agent enrol TOKEN"),
        "{said}"
    );
    let (code, said) = fails(
        &["run", "--data-dir", data],
        Some(("FLATRENDER_AGENT_SLOTZ", "1")),
    );
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("slotz"), "{said}");
    let (code, said) = fails(&["run", "--data-dir", data, "--slots", "0"], None);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(4),
            "flatrender-agent: use slots = 0: 1 to 64 are possible\n"
        )
    );
    let (code, said) = fails(&["enrol", "hello", "--data-dir", data], None);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("flatctl node token create"), "{said}");
    assert_eq!(fails(&["run", "--no-such-flag"], None).0, Some(2));
    let version = agent(&["--version"]).output().unwrap();
    assert!(version.status.success());
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        format!("flatrender-agent {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn enrol_prints_what_it_came_to_as_json() {
    let controller = Controller::start();
    let folder = tempfile::tempdir().unwrap();
    let token = controller.token().to_string();
    let data = folder.path().to_str().unwrap().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        agent(&[
            "enrol",
            &token,
            "--name",
            "n-1",
            "--data-dir",
            &data,
            "--json",
        ])
        .output()
        .unwrap()
    })
    .await
    .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["name"], "n-1");
    assert_eq!(printed["controllers"][0], controller.address.to_string());
}

fn run(data: &Path) -> Child {
    agent(&["run", "--data-dir", data.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_9_its_renderer_goes_on_and_ended_in_order_it_ends_well() {
    let stage = Stage::new(r#"{"frame_ms": 80}"#);
    let data = stage.config.data_dir.clone();
    let mut controller = Controller::start();
    enrol(&controller.token(), "n", &data.join("identity"), false)
        .await
        .unwrap();
    controller
        .state
        .blobs
        .lock()
        .unwrap()
        .insert(Digest::of(&stage.project), stage.project.clone());
    let renderer = stage.config.renderer.as_ref().unwrap();
    std::fs::write(
        data.join("agent.toml"),
        format!("renderer = {renderer:?}\n"),
    )
    .unwrap();

    let mut first = run(&data);
    controller
        .hear("what is held", |message| {
            matches!(message, ToController::Holding { .. }).then_some(())
        })
        .await;
    let lease = stage.lease(0, 40);
    let key = lease.key;
    controller.say(ToAgent::Lease(Box::new(lease))).await;
    until("frames", LIMIT, || {
        controller.state.frames.lock().unwrap().len() >= 5
    })
    .await;
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!stage.processes().is_empty(), "the renderer goes on");

    let mut second = run(&data);
    let report = controller
        .hear("the report", |message| match message {
            ToController::Report(report) => Some(report.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (report.lease, report.ending),
        (key, Ending::Succeeded),
        "{report:?}"
    );
    controller.say(ToAgent::ReportAck(key)).await;
    assert_eq!(
        stage.rendered(),
        (0..40).collect::<Vec<i64>>(),
        "each rendered once"
    );
    until("the attempt to be forgotten", LIMIT, || {
        stage.attempts() == 0
    })
    .await;
    let pid = nix::unistd::Pid::from_raw(second.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = tokio::task::spawn_blocking(move || second.wait().unwrap())
        .await
        .unwrap();
    assert!(status.success(), "{status}");
    until("every process to end", LIMIT, || {
        stage.processes().is_empty()
    })
    .await;
}

/// Kills agents at moments that nobody chose, three in a row for one lease; `FLATRENDER_KILLS` says how often altogether.
#[tokio::test(flavor = "multi_thread")]
async fn whenever_agents_are_killed_each_frame_is_rendered_once_and_comes() {
    let kills: u64 = std::env::var("FLATRENDER_KILLS").map_or(6, |text| text.parse().unwrap());
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    for _ in 0..kills.div_ceil(3) {
        let stage = Stage::new(r#"{"frame_ms": 15, "startup_ms": 50}"#);
        let data = stage.config.data_dir.clone();
        let mut controller = Controller::start();
        enrol(&controller.token(), "n", &data.join("identity"), false)
            .await
            .unwrap();
        controller
            .state
            .blobs
            .lock()
            .unwrap()
            .insert(Digest::of(&stage.project), stage.project.clone());
        let renderer = stage.config.renderer.as_ref().unwrap();
        std::fs::write(
            data.join("agent.toml"),
            format!("renderer = {renderer:?}\n"),
        )
        .unwrap();
        let lease = stage.lease(0, 16);
        let mut agent = run(&data);
        for death in 0..4 {
            let held = controller
                .hear("what is held", |message| match message {
                    ToController::Holding { leases, .. } => Some(leases.len()),
                    _ => None,
                })
                .await;
            if held == 0 {
                // New, or an agent died before it had written it down.
                controller
                    .say(ToAgent::Lease(Box::new(lease.clone())))
                    .await;
            }
            if death < 3 {
                tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
                agent.kill().unwrap();
                agent.wait().unwrap();
                agent = run(&data);
            }
        }
        let report = controller
            .hear("the report", |message| match message {
                ToController::Report(report) => Some(report.clone()),
                _ => None,
            })
            .await;
        assert_eq!(report.ending, Ending::Succeeded, "seed {seed}: {report:?}");
        controller.say(ToAgent::ReportAck(lease.key)).await;
        let came: BTreeSet<u32> = controller
            .state
            .frames
            .lock()
            .unwrap()
            .iter()
            .map(|frame| frame.ordinal)
            .collect();
        assert_eq!(came, (0..16).collect::<BTreeSet<u32>>(), "seed {seed}");
        assert_eq!(
            stage.rendered(),
            (0..16).collect::<Vec<i64>>(),
            "seed {seed}: each rendered once"
        );
        until("the attempt to be forgotten", LIMIT, || {
            stage.attempts() == 0
        })
        .await;
        agent.kill().unwrap();
        agent.wait().unwrap();
        until("every process to end", LIMIT, || {
            stage.processes().is_empty()
        })
        .await;
    }
}
