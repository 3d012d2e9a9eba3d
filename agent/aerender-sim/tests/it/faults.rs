//! Each fault does what it says, and only that.

use crate::stage::{Stage, code, code_of, decode, ended, plain, wait_for};
use flatrender_aep::write::CompSpec;

/// Renders frames 0 to 9 with these faults, in order.
fn with_faults(faults: &str) -> (Stage, crate::stage::Ended) {
    let stage = Stage::new().settings(&format!(
        r#"{{"mfr_window": 1, "home": "HOME", "faults": [{faults}]}}"#
    ));
    let ended = stage.render(&["-s", "0", "-e", "9"]);
    (stage, ended)
}

fn finished(ended: &crate::stage::Ended) -> bool {
    ended.said.contains("Finished composition")
}

#[test]
fn spoilt_frames_are_reported_as_if_they_were_good() {
    for (kind, in_ledger) in [
        ("torn", false),
        ("empty", false),
        ("missing", false),
        ("black", true),
        ("wrong_size", true),
    ] {
        let (stage, ended) = with_faults(&format!(r#"{{"kind": "{kind}", "at": 4}}"#));
        assert_eq!(ended.code, Some(0), "{kind}");
        assert!(finished(&ended));
        assert_eq!(ended.counts(), (1..=10).collect::<Vec<_>>(), "{kind}");
        assert_eq!(stage.rendered().contains(&4), in_ledger, "{kind}");
        let path = stage.frame_path(4);
        match kind {
            "torn" => {
                assert!(std::fs::metadata(&path).unwrap().len() > 0 && decode(&path).is_err())
            }
            "empty" => assert_eq!(std::fs::metadata(&path).unwrap().len(), 0),
            "missing" => assert!(!path.exists()),
            "black" => {
                let (_, _, pixels) = decode(&path).unwrap();
                assert!(pixels.chunks_exact(4).all(|pixel| pixel == [0, 0, 0, 255]));
            }
            _ => {
                let (width, height, _) = decode(&path).unwrap();
                assert_eq!((width, height), (32, 18));
            }
        }
        for frame in (0..10).filter(|&frame| frame != 4) {
            assert_eq!(
                code_of(&stage.frame_path(frame)),
                code(frame as i32),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_crash_ends_the_run_where_it_is_told_to() {
    for (at, done, half) in [
        (r#""launch""#, 0, None),
        (r#""start""#, 0, None),
        ("4", 4, Some(4)),
        (r#"{"after": 3}"#, 3, None),
        (r#""end""#, 10, None),
    ] {
        let (stage, ended) = with_faults(&format!(r#"{{"kind": "crash", "at": {at}}}"#));
        assert_eq!(ended.code, Some(1), "{at}");
        assert!(!finished(&ended), "{at}");
        assert!(
            ended
                .said
                .contains("aerender ERROR An existing connection was forcibly closed"),
            "{at}"
        );
        assert_eq!(stage.rendered(), (0..done).collect::<Vec<_>>(), "{at}");
        assert_eq!(
            half.map(|frame| decode(&stage.frame_path(frame)).is_err()),
            half.map(|_| true),
            "{at}"
        );
        assert!(stage.path("home/crash-repair.mark").exists(), "{at}");
    }
}

#[test]
fn a_fault_with_times_happens_so_often_over_all_runs() {
    let (stage, first) = with_faults(r#"{"kind": "exit1", "at": {"after": 2}, "times": 1}"#);
    assert_eq!(first.code, Some(1));
    assert!(
        first
            .said
            .contains("aerender ERROR: Runtime error in After Effects.\n"),
        "{}",
        first.said
    );
    assert_eq!(stage.rendered(), [0, 1]);
    let second = stage.render(&["-s", "2", "-e", "9"]);
    assert_eq!(second.code, Some(0));
    assert_eq!(stage.rendered(), (0..10).collect::<Vec<_>>());
}

#[test]
fn an_early_end_with_code_0_looks_like_success() {
    let (stage, ended) = with_faults(r#"{"kind": "exit0", "at": {"after": 7}}"#);
    assert_eq!(ended.code, Some(0));
    assert!(finished(&ended));
    assert_eq!(stage.rendered(), (0..7).collect::<Vec<_>>());
}

#[cfg(target_os = "linux")]
mod processes {
    use super::*;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::os::unix::process::CommandExt;
    use std::process::Child;

    /// A render in a process group of its own, all of which is killed in the end.
    struct Group(Child);

    impl Group {
        fn start(stage: &Stage) -> Self {
            let mut command = stage.command(&stage.words(&["-s", "0", "-e", "9"]));
            let said = std::fs::File::create(stage.path("said.txt")).unwrap();
            Self(command.process_group(0).stdout(said).spawn().unwrap())
        }

        fn id(&self) -> Pid {
            Pid::from_raw(self.0.id() as i32)
        }

        /// The processes of the group that are alive, with their processor time in clock ticks.
        fn members(&self) -> Vec<(u32, u64)> {
            let entries = std::fs::read_dir("/proc").unwrap().flatten();
            let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            pids.filter_map(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
                let of_group = fields[2] == self.0.id().to_string() && fields[0] != "Z";
                let ticks = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
                of_group.then_some((pid, ticks))
            })
            .collect()
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            // All of it may be gone already, which is what was wanted.
            let _ = kill(Pid::from_raw(-self.id().as_raw()), Signal::SIGKILL);
            let _ = self.0.wait();
        }
    }

    fn stage(faults: &str, more: &str) -> Stage {
        Stage::new().settings(&format!(
            r#"{{"mfr_window": 1, "home": "HOME", {more} "faults": [{faults}]}}"#
        ))
    }

    #[test]
    fn hangs_are_silent_and_spins_are_busy() {
        for (at, done) in [(r#""start""#, 0), (r#"{"after": 3}"#, 3), (r#""end""#, 10)] {
            for kind in ["hang", "spin"] {
                let stage = stage(&format!(r#"{{"kind": "{kind}", "at": {at}}}"#), "");
                let group = Group::start(&stage);
                let lines = || {
                    crate::stage::progress_counts(
                        &std::fs::read_to_string(stage.path("said.txt")).unwrap(),
                    )
                    .len()
                };
                wait_for("the header", || {
                    std::fs::read_to_string(stage.path("said.txt"))
                        .unwrap()
                        .contains("Post-Render Action")
                });
                wait_for("what comes before", || lines() == done);
                let used = || group.members().iter().map(|(_, ticks)| ticks).sum::<u64>();
                let before = used();
                if kind == "spin" {
                    wait_for("processor time", || used() > before + 10);
                } else {
                    std::thread::park_timeout(std::time::Duration::from_millis(100));
                    assert!(used() <= before + 2, "{kind} {at}");
                }
                assert_eq!(lines(), done, "{kind} {at}");
                assert_eq!(group.members().len(), 2, "{kind} {at}");
                assert!(
                    !std::fs::read_to_string(stage.path("said.txt"))
                        .unwrap()
                        .contains("Finished")
                );
            }
        }
    }

    #[test]
    fn a_hung_after_effects_survives_its_launcher() {
        let stage = stage(r#"{"kind": "hang", "at": {"after": 2}}"#, "");
        let mut group = Group::start(&stage);
        wait_for("two frames", || stage.ledger().len() == 2);
        group.0.kill().unwrap();
        ended(&mut group.0);
        assert_eq!(group.members().len(), 1);
    }

    #[test]
    fn one_that_refuses_to_die_takes_a_hard_kill() {
        let stage = stage(r#"{"kind": "refuse_to_die"}"#, r#""frame_ms": 20,"#);
        let mut group = Group::start(&stage);
        wait_for("a frame", || !stage.ledger().is_empty());
        kill(Pid::from_raw(-group.id().as_raw()), Signal::SIGTERM).unwrap();
        ended(&mut group.0);
        wait_for("all frames, without a launcher", || {
            stage.ledger().len() == 10
        });
        assert_eq!(group.members().len(), 1);
    }

    #[test]
    fn a_child_is_left_behind() {
        let stage = stage(r#"{"kind": "child"}"#, "");
        let mut group = Group::start(&stage);
        assert_eq!(ended(&mut group.0).code(), Some(0));
        assert_eq!(stage.ledger().len(), 10);
        assert_eq!(group.members().len(), 1);
    }
}

#[test]
fn a_slow_start_delays_the_first_message() {
    let stage = Stage::with(
        vec![CompSpec {
            work_area: None,
            ..plain()
        }],
        0,
    )
    .settings(r#"{"startup_ms": 50, "faults": [{"kind": "slow_start", "ms": 150}]}"#);
    let since = std::time::Instant::now();
    assert_eq!(stage.render(&["-s", "0", "-e", "0"]).code, Some(0));
    assert!(since.elapsed() >= std::time::Duration::from_millis(200));
}
