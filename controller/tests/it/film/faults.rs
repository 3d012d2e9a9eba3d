//! Every fault of the stand-in, on one, two and all of three nodes: a right film, or a failed job that tells the truth. Never
//! a wrong film called done, and never a right one held back without a way to accept it. The film is the judge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aerender_sim::read_film;
use flatrender_aep::Rational;
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use super::farm::{Farm, Setup, ready};
use super::judge::{wanted_codes, wrong_frames};
use super::setting;

const FRAMES: u32 = 16;
const NODES: usize = 3;
/// Deadlines a tenth and less of what they are on a real machine, so that a hang shows within seconds.
const LIMITS: &str = "[limits]\nopening_quiet_ms = 8000\nfirst_frame_ms = 12000\nsilence_ms = 3000\nquiet_ms = 1500\n\
     spinning_ms = 10000\nfinalising_ms = 4000\nstop_ms = 1500\nleftover_ms = 800\n";

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    /// Done, and every frame is there, in order, showing itself.
    Right,
    /// Done, and these frames of the film are not what they should be.
    Wrong(Vec<usize>),
    /// Failed, with this reason.
    Failed(String),
    /// Held back, with this reason.
    Held(String),
}

/// One fault: its name, and what the stand-in is told.
fn faults() -> Vec<(&'static str, Value)> {
    let kinds = [
        "crash",
        "hang",
        "spin",
        "exit0",
        "exit1",
        "torn",
        "empty",
        "missing",
        "black",
        "wrong_size",
        "wrong_extension",
        "gpu_failure",
        "refuse_to_die",
        "child",
        "another_instance",
    ];
    let mut faults: Vec<(&str, Value)> = kinds
        .into_iter()
        .map(|kind| (kind, json!({ "kind": kind, "at": 7 })))
        .collect();
    faults.push((
        "crash at the start",
        json!({ "kind": "crash", "at": "start" }),
    ));
    faults.push(("hang at the end", json!({ "kind": "hang", "at": "end" })));
    faults.push(("slow start", json!({ "kind": "slow_start", "ms": 3000 })));
    faults
}

#[test]
fn a_fault_on_one_node_does_not_reach_the_film() {
    if !ready("a_fault_on_one_node_does_not_reach_the_film") {
        return;
    }
    let mut stage = Stage::new();
    for kind in ["torn", "exit0"] {
        let fault = json!({ "kind": kind, "at": 7 });
        let (became, _) = stage.case(kind, &fault, 1);
        assert_eq!(became, Became::Right, "{kind}");
    }
}

#[test]
#[ignore = "long: ./x prove faults"]
fn prove_faults() {
    let only = std::env::var("FLATRENDER_FAULT").ok();
    let mut stage = Stage::new();
    let mut bad = Vec::new();
    let mut count = 0;
    for (name, fault) in faults() {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        for nodes in 1..=NODES {
            let (became, told) = stage.case(name, &fault, nodes);
            let verdict = match &became {
                Became::Right => "right".to_owned(),
                Became::Wrong(frames) => format!("WRONG FILM, frames {frames:?}"),
                Became::Failed(reason) => format!("failed: {reason}"),
                Became::Held(reason) => format!("held: {reason}"),
            };
            println!("seed {name} on {nodes} of {NODES}: {verdict} | {told}");
            count += 1;
            let truth = match &became {
                Became::Right => true,
                Became::Wrong(_) => false,
                Became::Failed(reason) | Became::Held(reason) => nodes > 1 && !reason.is_empty(),
            };
            if !truth {
                bad.push(format!("{name} on {nodes}: {verdict}"));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    println!("proved faults: {count} cases, each a right film or a job that tells the truth");
}

struct Stage {
    farm: Farm,
    project: std::path::PathBuf,
    runtime: tokio::runtime::Runtime,
    cases: u32,
}

impl Stage {
    fn new() -> Self {
        let farm = Farm::start(Setup {
            agents: NODES,
            frame_ms: 30,
            startup_ms: 50,
            limits: LIMITS,
        });
        let project = farm.project(320, 180, Rational::whole(25), FRAMES);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Self {
            farm,
            project,
            runtime,
            cases: 0,
        }
    }

    /// One job on a farm of which `nodes` nodes have the fault. Answers what became of it, and what the rows tell.
    fn case(&mut self, name: &str, fault: &Value, nodes: usize) -> (Became, String) {
        for n in 0..NODES {
            let faults = if n < nodes { json!([fault]) } else { json!([]) };
            self.farm.restart_agent(n, faults);
        }
        self.farm.until_online(NODES);
        self.cases += 1;
        let job_name = format!("{} {name} {nodes}", self.cases);
        let job = self.farm.submit(&self.project, "Main", &job_name, &[]);
        let view = self.ended(&job_name);
        let became = match view["state"].as_str() {
            Some("done") => {
                let film = self.farm.dir.path().join(format!("{}.mp4", self.cases));
                self.farm.flatctl(&[
                    "download",
                    &job_name,
                    "--out",
                    film.to_str().expect("plain"),
                ]);
                let shown = read_film(&film).expect("a film");
                let wrong = wrong_frames(&shown, &wanted_codes(&shown, &job, 0, FRAMES));
                if wrong.is_empty() {
                    Became::Right
                } else {
                    Became::Wrong(wrong)
                }
            }
            Some("failed") => Became::Failed(reason(&view)),
            _ => {
                let held = Became::Held(reason(&view));
                self.farm.flatctl(&["job", "cancel", &job_name]);
                held
            }
        };
        let told = self.runtime.block_on(async {
            let database = self.farm.database().await;
            let told = rows(&database, &job).await;
            database.close().await;
            told
        });
        (became, told)
    }

    /// The job when it has ended, or when nothing has moved in it for a while.
    fn ended(&self, name: &str) -> Value {
        let patience = Duration::from_secs(setting("FLATRENDER_HELD_SECONDS", 90));
        let mut last = (String::new(), Instant::now());
        loop {
            let view = self.farm.job(name);
            if matches!(
                view["state"].as_str(),
                Some("done" | "failed" | "cancelled")
            ) {
                return view;
            }
            let now = format!(
                "{} {} {}",
                view["state"], view["frames_done"], view["leases"]
            );
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > patience {
                return view;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn reason(view: &Value) -> String {
    view["reason"].as_str().unwrap_or_default().to_owned()
}

/// What the rows tell of a job: attempts by ending and class, crashes, repairs.
async fn rows(database: &PgPool, job: &str) -> String {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let queries = [
        "SELECT 'attempt ' || state || coalesce(' ' || class, '') AS what, count(*) AS n FROM render.attempts
          WHERE job_id = $1::uuid AND (state <> 'succeeded' OR class <> 'ok') GROUP BY 1",
        "SELECT 'crash ' || c.kind AS what, count(*) AS n FROM render.node_crashes c
           JOIN render.attempts a ON a.id = c.attempt_id WHERE a.job_id = $1::uuid GROUP BY 1",
        "SELECT 'repair ' || reason || ' ' || state AS what, count(*) AS n FROM render.frame_repair_jobs
          WHERE job_id = $1::uuid GROUP BY 1",
    ];
    for query in queries {
        let found = sqlx::query(query).bind(job).fetch_all(database).await;
        for row in found.expect("rows") {
            counts.insert(row.get("what"), row.get("n"));
        }
    }
    let told: Vec<String> = counts
        .iter()
        .map(|(what, n)| format!("{n} {what}"))
        .collect();
    told.join(", ")
}
