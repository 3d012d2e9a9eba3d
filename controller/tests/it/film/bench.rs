//! Figures of the whole farm, for `./x bench`: release build, real PostgreSQL with fsync on, store synced, agents and link real.

use std::time::Duration;

use flatrender_aep::Rational;
use sqlx::PgPool;

use super::farm::{Farm, Setup};
use super::setting;

#[test]
#[ignore = "figures: ./x bench"]
fn bench_farm() {
    if cfg!(debug_assertions) {
        panic!("a figure of a debug build is none: ./x bench builds for release");
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let farm = Farm::start(Setup {
        agents: 1,
        frame_ms: 0,
        startup_ms: 0,
        limits: "",
    });
    let database = runtime.block_on(farm.database());
    runtime.block_on(durable(&database));
    idle(&farm);
    latency(&farm, &runtime, &database);
    drop(farm);
    throughput(&runtime);
    first_start();
}

/// Refuses to print a rate when durability is off.
async fn durable(database: &PgPool) {
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(database)
            .await
            .expect("a setting");
        assert_eq!(value, "on", "{name} is off: no figure");
    }
    println!(
        "bench durability: fsync, synchronous_commit, full_page_writes on; store synced (file and folder) before each commit"
    );
}

fn latency(farm: &Farm, runtime: &tokio::runtime::Runtime, database: &PgPool) {
    let jobs = setting("FLATRENDER_BENCH_JOBS", 100);
    let project = farm.project(64, 36, Rational::whole(25), 1);
    for n in 0..jobs {
        let name = format!("latency-{n}");
        farm.submit(&project, "Main", &name, &[]);
        farm.until_done(&name);
    }
    let mut millis: Vec<f64> = runtime
        .block_on(
            sqlx::query_scalar(
                "SELECT (extract(epoch FROM a.started_at - j.created_at) * 1000)::float8 FROM render.attempts a
                   JOIN render.render_jobs j ON j.id = a.job_id WHERE a.kind = 'frames' AND a.started_at IS NOT NULL",
            )
            .fetch_all(database),
        )
        .expect("times");
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share).round() as usize];
    println!(
        "bench submit to renderer started, one idle node, {jobs} jobs one at a time: p50 {:.1} ms, p99 {:.1} ms",
        at(0.5),
        at(0.99)
    );
}

fn throughput(runtime: &tokio::runtime::Runtime) {
    let frames = u32::try_from(setting("FLATRENDER_BENCH_FRAMES", 4_000)).expect("small");
    let farm = Farm::start(Setup {
        agents: 3,
        frame_ms: 0,
        startup_ms: 0,
        limits: "",
    });
    let database = runtime.block_on(farm.database());
    for (width, height) in [(64, 36), (1280, 720)] {
        let frames = if width > 64 { frames / 10 } else { frames };
        let project = farm.project(width, height, Rational::whole(25), frames);
        let name = format!("rate-{width}");
        let job = farm.submit(&project, "Main", &name, &[]);
        farm.until_done(&name);
        let seconds: f64 = runtime
            .block_on(
                sqlx::query_scalar(
                    "SELECT extract(epoch FROM (SELECT max(published_at) FROM render.frames WHERE job_id = $1::uuid)
                                             - (SELECT min(leased_at) FROM render.attempts WHERE job_id = $1::uuid))::float8",
                )
                .bind(&job)
                .fetch_one(&database),
            )
            .expect("times");
        println!(
            "bench lease to publish, 3 agents, stand-in at 0 ms, {frames} frames of {width}x{height}: {:.0} frames/s",
            f64::from(frames) / seconds
        );
    }
}

fn idle(farm: &Farm) {
    let pid = farm.agent_pid(0);
    // Let what follows the start settle.
    std::thread::sleep(Duration::from_secs(5));
    let before = ticks(pid);
    let seconds = setting("FLATRENDER_BENCH_IDLE_SECONDS", 60);
    std::thread::sleep(Duration::from_secs(seconds));
    let used = ticks(pid) - before;
    println!(
        "bench agent idle over {seconds} s: PSS {:.1} MiB, {:.3} % of a core",
        pss_kib(pid) as f64 / 1024.0,
        used as f64 / 100.0 / seconds as f64 * 100.0
    );
}

fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after = stat.rsplit_once(')').expect("a name").1;
    after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().expect("a number"))
        .sum()
}

fn pss_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .expect("a line");
    line.split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number")
}

fn first_start() {
    let mut first = Vec::new();
    let mut again = Vec::new();
    for _ in 0..3 {
        let mut farm = Farm::start(Setup {
            agents: 0,
            frame_ms: 0,
            startup_ms: 0,
            limits: "",
        });
        first.push(farm.first_start.as_millis());
        farm.stop_controller();
        again.push(farm.start_controller().as_millis());
    }
    println!(
        "bench dev to ready, first start with a new PostgreSQL cluster and fifteen migrations: {first:?} ms; started again: {again:?} ms"
    );
}
