//! How the two processes end: the launcher killed, everything killed, and what the next start makes of it.

use crate::stage::{Stage, decode, ended, wait_for};
use aerender_sim::home::CRASH_MARK;
use std::process::Child;

/// Kills at once what hangs, when the test is over.
struct Doomed {
    launcher: Child,
    second: Option<u32>,
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // Both may be gone already, which is what was wanted.
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
        if let Some(pid) = self.second {
            kill(pid);
        }
    }
}

#[cfg(unix)]
fn kill(pid: u32) {
    use nix::sys::signal::{Signal, kill};
    // It may be gone already.
    let _ = kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL);
}

#[cfg(not(unix))]
fn kill(pid: u32) {
    let _ = std::process::Command::new("taskkill")
        .args(["/F", "/PID", &pid.to_string()])
        .status();
}

/// Starts a long render and waits for its first frames; the launcher, and the second process's id.
fn long_render(stage: &Stage, more: &[&str]) -> Doomed {
    let launcher = stage.start(&stage.words(more));
    let mut doomed = Doomed {
        launcher,
        second: None,
    };
    wait_for("two frames", || stage.ledger().len() >= 2);
    doomed.second = Some(stage.ledger()[0].pid);
    assert_ne!(doomed.second, Some(doomed.launcher.id()), "two processes");
    doomed
}

#[test]
fn after_effects_stops_by_itself_when_its_launcher_is_gone() {
    let stage = Stage::new().settings(r#"{"frame_ms": 40, "home": "HOME"}"#);
    let mark = stage.path("home").join(CRASH_MARK);
    let mut doomed = long_render(&stage, &["-s", "0", "-e", "39", "-log", "log.txt"]);
    assert!(mark.exists());
    doomed.launcher.kill().unwrap();
    ended(&mut doomed.launcher);
    wait_for("an orderly end", || !mark.exists());
    doomed.second = None;
    let log = std::fs::read_to_string(stage.path("log.txt")).unwrap();
    assert!(log.ends_with("INFO: Render aborted.\n"), "{log}");
    assert!(stage.rendered().len() < 40);
    for frame in stage.rendered() {
        assert!(
            decode(&stage.frame_path(frame)).is_ok(),
            "what the ledger knows is whole"
        );
    }
    // And no crash: the next start goes on.
    let done = stage.rendered();
    assert_eq!(stage.render(&["-s", "39", "-e", "39"]).code, Some(0));
    assert_eq!(stage.rendered().len(), done.len() + 1);
}

#[test]
fn a_killed_after_effects_is_reported_and_the_next_start_waits_behind_its_dialog() {
    let stage = Stage::new().settings(r#"{"frame_ms": 40, "home": "HOME"}"#);
    let mark = stage.path("home").join(CRASH_MARK);
    let mut doomed = long_render(&stage, &["-s", "0", "-e", "39"]);
    kill(doomed.second.unwrap());
    let status = ended(&mut doomed.launcher);
    doomed.second = None;
    assert_eq!(status.code(), Some(1));
    let said = std::fs::read_to_string(stage.path("said.txt")).unwrap();
    let lost = "aerender ERROR An existing connection was forcibly closed by the remote host.";
    assert_eq!(said.lines().last(), Some(lost));
    assert!(mark.exists());

    let before = stage.ledger().len();
    let mut next = Doomed {
        launcher: stage.start(&stage.words(&["-s", "0", "-e", "0"])),
        second: None,
    };
    for _ in 0..20 {
        assert!(next.launcher.try_wait().unwrap().is_none(), "it waits");
        assert_eq!(
            std::fs::read(stage.path("said.txt")).unwrap(),
            b"",
            "it says nothing"
        );
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    assert_eq!(stage.ledger().len(), before);
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(ended(&mut next.launcher).code(), Some(0));
    assert_eq!(stage.ledger().len(), before + 1);
    assert!(!mark.exists());
}

#[test]
fn while_a_frame_is_half_written_another_is_whole() {
    let stage = Stage::new().settings(r#"{"faults": [{"kind": "hang", "at": {"after": 6}}]}"#);
    let launcher = stage.start(&stage.words(&["-s", "0", "-e", "39"]));
    let mut doomed = Doomed {
        launcher,
        second: None,
    };
    wait_for("six frames", || stage.ledger().len() >= 6);
    doomed.second = Some(stage.ledger()[0].pid);
    wait_for("the sixth frame's last piece", || {
        stage
            .rendered()
            .iter()
            .all(|&frame| decode(&stage.frame_path(frame)).is_ok())
    });
    let done = stage.rendered();
    let torn: Vec<String> = stage
        .files()
        .into_iter()
        .filter(|name| decode(&stage.path("out").join(name)).is_err())
        .collect();
    assert_eq!(stage.files().len(), done.len() + torn.len());
    assert!(!torn.is_empty(), "{done:?}");
    assert!(doomed.launcher.try_wait().unwrap().is_none());
}
