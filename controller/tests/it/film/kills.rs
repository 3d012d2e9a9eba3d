//! Agents killed with -9 at random moments.

use flatrender_aep::Rational;

use super::farm::{Farm, Setup, ready};
use super::judge::{film_is_right, rendered, rows, rows_are_whole};
use super::{Random, setting};

const FRAMES: u32 = 120;

#[test]
fn a_film_survives_the_death_of_an_agent() {
    if ready("a_film_survives_the_death_of_an_agent") {
        runs(1, 1);
    }
}

#[test]
#[ignore = "long: ./x prove film"]
fn prove_film() {
    let runs_wanted = setting("FLATRENDER_RUNS", 20);
    runs(runs_wanted, setting("FLATRENDER_SEED", 20_261_122));
    println!("proved film: {runs_wanted} kills, each film, ledger and row right");
}

fn runs(count: u64, seed: u64) {
    let mut farm = Farm::start(Setup {
        agents: 3,
        frame_ms: 40,
        startup_ms: 150,
        limits: "",
    });
    let project = farm.project(320, 180, Rational::whole(25), FRAMES);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for run in 0..count {
        let seed = seed + run;
        let mut random = Random::new(seed);
        let victim = usize::try_from(random.below(3)).expect("small");
        let at = random.below(u64::from(FRAMES));
        let name = format!("run-{run}");
        let job = farm.submit(&project, "Main", &name, &[]);
        farm.until("the moment has come", |farm| {
            (farm.frames_done(&name) >= at).then_some(())
        });
        farm.kill_agent(victim);
        let view = farm.until_done(&name);
        let film = farm.dir.path().join(format!("{name}.mp4"));
        farm.flatctl(&["download", &name, "--out", film.to_str().expect("plain")]);
        film_is_right(&film, &job, 0, FRAMES);
        let dead = farm.agents[victim].name.clone();
        let twice = runtime.block_on(frames_twice(&farm, &job, &dead));
        println!(
            "seed {seed}: killed {dead} at {at} of {FRAMES} frames; {} frames of it rendered again; film of {} bytes",
            twice, view["film"]["bytes"]
        );
        farm.start_agent(victim);
        farm.until("the agent is back", |farm| {
            (farm
                .flatctl(&["node", "ls", "--json"])
                .matches("\"online\"")
                .count()
                == 3)
                .then_some(())
        });
    }
}

/// Only what the dead agent had not had acknowledged was rendered again. Answers how many frames that were.
async fn frames_twice(farm: &Farm, job: &str, dead: &str) -> usize {
    let database = farm.database().await;
    let rows = rows(&database, job).await;
    rows_are_whole(&database, &rows, FRAMES).await;
    database.close().await;
    let rendered = rendered(&farm.ledger(), job);
    let of_dead = |dir: &str| dir.contains(&format!("/{dead}/"));
    let mut again = 0;
    for row in rows {
        let times = &rendered[&i64::from(row.ordinal)];
        let alive = times.iter().filter(|(dir, _)| !of_dead(dir)).count();
        if row.node == dead {
            assert_eq!(
                alive, 0,
                "frame {} was published by {dead} and rendered again",
                row.ordinal
            );
        } else {
            assert_eq!(
                alive, 1,
                "frame {} was rendered {alive} times by living agents",
                row.ordinal
            );
            again += usize::from(times.len() > 1);
        }
        assert!(
            times.iter().any(|(dir, _)| dir.contains(&row.attempt)),
            "the ledger knows the row"
        );
    }
    again
}
