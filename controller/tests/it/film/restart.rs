//! Controller and PostgreSQL killed with -9 in the middle of a job, and started again.

use std::time::{SystemTime, UNIX_EPOCH};

use flatrender_aep::Rational;

use super::farm::{Farm, Setup, ready};
use super::judge::{film_is_right, rendered, rows, rows_are_whole};
use super::{Random, setting};

const FRAMES: u32 = 120;

#[test]
fn a_film_survives_the_death_of_controller_and_database() {
    if ready("a_film_survives_the_death_of_controller_and_database") {
        runs(1, 1);
    }
}

#[test]
#[ignore = "long: ./x prove restart"]
fn prove_restart() {
    let wanted = setting("FLATRENDER_RUNS", 10);
    runs(wanted, setting("FLATRENDER_SEED", 20_261_122));
    println!("proved restart: {wanted} times controller and PostgreSQL killed");
}

fn runs(count: u64, seed: u64) {
    let mut farm = Farm::start(Setup {
        agents: 2,
        frame_ms: 40,
        startup_ms: 100,
        limits: "",
    });
    let project = farm.project(320, 180, Rational::whole(25), FRAMES);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for run in 0..count {
        let seed = seed + run;
        let at = Random::new(seed).below(u64::from(FRAMES));
        let name = format!("run-{run}");
        let job = farm.submit(&project, "Main", &name, &[]);
        farm.until("the moment has come", |farm| {
            (farm.frames_done(&name) >= at).then_some(())
        });
        farm.kill_controller_and_database();
        let killed_ms = now_ms();
        let again = farm.start_controller();
        farm.until_done(&name);
        let film = farm.dir.path().join(format!("{name}.mp4"));
        farm.flatctl(&["download", &name, "--out", film.to_str().expect("plain")]);
        film_is_right(&film, &job, 0, FRAMES);
        let rendered = rendered(&farm.ledger(), &job);
        let rows = runtime.block_on(async {
            let database = farm.database().await;
            let rows = rows(&database, &job).await;
            rows_are_whole(&database, &rows, FRAMES).await;
            rows
        });
        let before = rows.iter().filter(|row| row.at_ms < killed_ms);
        for row in before.clone() {
            let times = &rendered[&i64::from(row.ordinal)];
            let late = times
                .iter()
                .filter(|(_, at)| i64::try_from(*at).unwrap_or(0) > killed_ms)
                .count();
            assert_eq!(
                late, 0,
                "frame {} was published and is rendered again",
                row.ordinal
            );
        }
        let twice = rendered.values().filter(|times| times.len() > 1).count();
        println!(
            "seed {seed}: killed at {at} of {FRAMES} frames, {} published before; ready again after {} ms; {twice} frames rendered twice",
            before.count(),
            again.as_millis()
        );
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_millis()).expect("far away")
}
