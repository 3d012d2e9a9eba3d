//! Film, ledger and rows, compared frame by frame.

use std::collections::HashMap;
use std::path::Path;

use aerender_sim::code::{Code, job_tag};
use aerender_sim::{ledger, read_film};
use sqlx::{PgPool, Row};

/// One frame's row.
pub struct Published {
    pub ordinal: i32,
    pub node: String,
    pub attempt: String,
    pub at_ms: i64,
}

/// How often each display frame of a job was rendered, and by whom: the folders it was rendered into.
pub fn rendered(ledger: &Path, job: &str) -> HashMap<i64, Vec<(String, u64)>> {
    let mut found: HashMap<i64, Vec<(String, u64)>> = HashMap::new();
    for entry in ledger::read(ledger)
        .expect("a ledger")
        .into_iter()
        .filter(|e| e.job == job)
    {
        let dir = entry.dir;
        found
            .entry(entry.frame)
            .or_default()
            .push((dir, entry.at_ms));
    }
    found
}

/// The rows of a job, by ordinal.
pub async fn rows(database: &PgPool, job: &str) -> Vec<Published> {
    let rows = sqlx::query(
        "SELECT f.ordinal, n.name, f.attempt_id::text, (extract(epoch FROM f.published_at) * 1000)::bigint AS at_ms
           FROM render.frames f JOIN render.nodes n ON n.id = f.node_id WHERE f.job_id = $1::uuid ORDER BY f.ordinal",
    )
    .bind(job)
    .fetch_all(database)
    .await
    .expect("rows");
    rows.iter()
        .map(|row| Published {
            ordinal: row.get(0),
            node: row.get(1),
            attempt: row.get(2),
            at_ms: row.get(3),
        })
        .collect()
}

/// The codes that a right film of a job shows.
pub fn wanted_codes(
    shown: &[Option<Code>],
    job: &str,
    first: i64,
    frames: u32,
) -> Vec<Option<Code>> {
    let values = shown.iter().flatten().map(|code| code.values).next();
    (0..i64::from(frames))
        .map(|n| {
            Some(Code {
                job: job_tag(job),
                frame: i32::try_from(first + n).expect("small"),
                values: values.unwrap_or_default(),
            })
        })
        .collect()
}

/// Places at which a film does not show what it should, missing and surplus ones included.
pub fn wrong_frames(shown: &[Option<Code>], wanted: &[Option<Code>]) -> Vec<usize> {
    (0..wanted.len().max(shown.len()))
        .filter(|n| wanted.get(*n) != shown.get(*n))
        .collect()
}

/// The film shows each frame of the job once, in order.
pub fn film_is_right(film: &Path, job: &str, first: i64, frames: u32) {
    let codes = read_film(film).expect("a film");
    let wrong = wrong_frames(&codes, &wanted_codes(&codes, job, first, frames));
    assert!(
        wrong.is_empty(),
        "frames {wrong:?} of {} are wrong in {}",
        codes.len(),
        film.display()
    );
}

/// Every frame has its row, and the database's own invariant holds.
pub async fn rows_are_whole(database: &PgPool, rows: &[Published], frames: u32) {
    let ordinals: Vec<i32> = rows.iter().map(|row| row.ordinal).collect();
    assert_eq!(
        ordinals,
        (0..i32::try_from(frames).expect("small")).collect::<Vec<_>>()
    );
    let broken: i64 = sqlx::query_scalar("SELECT count(*) FROM render.broken_jobs")
        .fetch_one(database)
        .await
        .expect("the view answers");
    assert_eq!(broken, 0);
}
