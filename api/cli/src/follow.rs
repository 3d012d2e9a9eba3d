//! Following a job to its end. The job's own view, asked for again, is the truth; events only say when to ask, and tell
//! of attempts that went wrong. A farm that goes away for a while is waited for.

#![expect(
    clippy::disallowed_methods,
    reason = "following a job is paced by the clock of the person who looks"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use flatrender_protocol::AttemptId;
use flatrender_protocol::rest::{EventView, JobView, LeaseView};
use flatrender_protocol::state::JobState;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::Client;
use crate::failure::{Doing, Exit, Failure};
use crate::output::{Paint, Screen, count, duration, safe, time_of_day};
use crate::progress::Board;
use crate::view::state_paint;

/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_millis(250);
/// Asked again after this long even when no event came.
const REFRESH: Duration = Duration::from_secs(2);
/// Without a terminal: a sign of life at least this often.
const LIFE_SIGN: Duration = Duration::from_secs(60);
/// Lines for leases on a board.
const MAX_WORKERS: usize = 8;

/// Follows `job` until it is done, failed or cancelled.
///
/// # Errors
/// When the farm is away longer than `patience`, refuses, or the person leaves.
pub async fn to_its_end(
    client: &Client,
    job: JobView,
    screen: &Screen,
    patience: Duration,
) -> Result<JobView, Failure> {
    let mut watch = Watch::new(job, screen, patience);
    let ended = tokio::select! {
        ended = watch.run(client) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    watch.end();
    match ended {
        Some(Ok(())) => Ok(watch.job),
        Some(Err(failure)) => Err(failure.hint(watch.how_to_return())),
        None => Err(watch.left()),
    }
}

/// What a watch that saw `job` end returns.
///
/// # Errors
/// When it failed or was cancelled.
pub fn verdict(job: &JobView) -> Result<Exit, Failure> {
    let reason = job.reason.as_deref();
    let why = match job.state {
        JobState::Done => return Ok(Exit::Done),
        JobState::Cancelled => reason.map_or("it was cancelled".to_owned(), |why| {
            format!("it was cancelled: {why}")
        }),
        JobState::Failed => reason.unwrap_or("no reason was given").to_owned(),
        other => format!("it is still {other}"),
    };
    Err(
        Failure::new(Exit::Failed, format!("finish {}", job.name), why)
            .hint(format!("flatctl job show {}", job.id)),
    )
}

struct Watch<'a> {
    job: JobView,
    screen: &'a Screen,
    board: Option<Board>,
    patience: Duration,
    known: BTreeSet<AttemptId>,
    dirty: bool,
    asked: Instant,
    answered: Instant,
    spoke: Instant,
    tenth: u32,
    away: bool,
}

impl<'a> Watch<'a> {
    fn new(job: JobView, screen: &'a Screen, patience: Duration) -> Self {
        let now = Instant::now();
        let total = u64::from(job.frames_total);
        let mut watch = Self {
            board: screen.redraw.then(|| Board::new(screen, total)),
            tenth: tenth(&job),
            job,
            screen,
            patience,
            known: BTreeSet::new(),
            dirty: true,
            asked: now,
            answered: now,
            spoke: now,
            away: false,
        };
        watch.tell_leases();
        watch.draw();
        watch
    }

    async fn run(&mut self, client: &Client) -> Result<(), Failure> {
        let mut events = client.events(Some(self.job.id));
        let mut listening = true;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.job.state.is_final() {
            tokio::select! {
                event = events.next(), if listening => match event {
                    Some(Ok(event)) => self.hear(&event),
                    // What refuses events may still answer the question itself, which has its own words.
                    Some(Err(_)) | None => listening = false,
                },
                _ = tick.tick() => if self.is_due() {
                    self.ask(client).await?;
                },
            }
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.dirty || self.asked.elapsed() >= REFRESH
    }

    /// An event: a reason to ask, and sometimes worth a line.
    fn hear(&mut self, event: &EventView) {
        self.dirty = true;
        let bad = matches!(
            event.to.as_str(),
            "failed" | "lost" | "suspect" | "silent" | "cancelled"
        );
        if !bad || event.subject == "job" || self.screen.json {
            return;
        }
        let mut line = format!(
            "{}  {} {}",
            time_of_day(&event.at),
            safe(&event.subject),
            safe(&event.to)
        );
        if let Some(node) = &event.node_name {
            line += &format!(" on {}", safe(node));
        }
        if let Some(why) = &event.why {
            line += &format!(": {}", safe(why));
        }
        self.say(&self.screen.painted_err(Paint::Warn, &line));
    }

    async fn ask(&mut self, client: &Client) -> Result<(), Failure> {
        self.dirty = false;
        let answer = client.job(self.job.id).await;
        self.asked = Instant::now();
        match answer {
            Ok(job) => {
                self.answered = self.asked;
                if std::mem::take(&mut self.away) {
                    self.say("the farm is back");
                }
                self.take(job);
                Ok(())
            }
            Err(error) if error.may_pass() && self.answered.elapsed() < self.patience => {
                if !std::mem::replace(&mut self.away, true) {
                    let line = format!(
                        "the farm does not answer; waiting up to {}",
                        duration(self.patience.as_secs())
                    );
                    self.say(&self.screen.painted_err(Paint::Warn, &line));
                }
                Ok(())
            }
            Err(error) => Err(error).doing(format!("follow {}", self.job.name)),
        }
    }

    fn take(&mut self, job: JobView) {
        let before = std::mem::replace(&mut self.job, job);
        if before == self.job {
            self.life_sign();
            return;
        }
        if self.screen.json {
            self.screen.document(&self.job);
            return;
        }
        self.tell_leases();
        let moved = before.state != self.job.state || tenth(&before) != tenth(&self.job);
        if self.board.is_some() {
            self.draw();
        } else if moved {
            self.tell_state();
        } else {
            self.life_sign();
        }
        for note in &self.job.notes {
            if !before.notes.contains(note) {
                self.say(&format!("note: {}", safe(note)));
            }
        }
    }

    /// Who renders what, each once.
    fn tell_leases(&mut self) {
        if self.board.is_some() {
            return;
        }
        for lease in &self.job.leases {
            if self.known.insert(lease.attempt) && !self.screen.json {
                self.screen.say(&worker(lease, false));
            }
        }
    }

    fn life_sign(&mut self) {
        if self.board.is_none() && self.spoke.elapsed() >= LIFE_SIGN {
            self.tell_state();
        }
    }

    fn tell_state(&mut self) {
        self.spoke = Instant::now();
        self.tenth = tenth(&self.job);
        let state = self
            .screen
            .painted_err(state_paint(self.job.state), self.job.state.as_str());
        let head = format!(
            "{}  {state}  {}",
            safe(&self.job.name),
            progress(&self.job, true)
        );
        self.screen.say(&head);
    }

    fn draw(&mut self) {
        let Some(board) = &mut self.board else {
            return;
        };
        let job = &self.job;
        let state = self
            .screen
            .painted_err(state_paint(job.state), job.state.as_str());
        let head = format!("{}  {state}  {}", safe(&job.name), progress(job, false));
        let mut workers: Vec<String> = job
            .leases
            .iter()
            .take(MAX_WORKERS)
            .map(|lease| worker(lease, true))
            .collect();
        if let Some(more) = job
            .leases
            .len()
            .checked_sub(MAX_WORKERS)
            .filter(|more| *more > 0)
        {
            workers.push(format!("and {more} more"));
        }
        let rest = eta(job).unwrap_or_default();
        board.show(head, u64::from(job.frames_done), rest, &workers);
    }

    fn say(&self, line: &str) {
        match &self.board {
            Some(board) => board.say(line),
            None => self.screen.say(line),
        }
    }

    /// The board goes, and its last state stays as a line.
    fn end(&mut self) {
        if let Some(board) = self.board.take() {
            board.end();
            self.tell_state();
        }
    }

    fn left(&self) -> Failure {
        let did = format!("follow {}", self.job.name);
        Failure::new(Exit::Left, did, "left by Ctrl-C, the job goes on").hint(self.how_to_return())
    }

    fn how_to_return(&self) -> String {
        format!("flatctl job watch {} comes back to it", self.job.id)
    }
}

fn tenth(job: &JobView) -> u32 {
    percent(job) / 10
}

fn percent(job: &JobView) -> u32 {
    let total = u64::from(job.frames_total.max(1));
    u32::try_from(u64::from(job.frames_done) * 100 / total).unwrap_or(100)
}

fn progress(job: &JobView, with_eta: bool) -> String {
    let mut text = format!(
        "{} of {} frames ({} %)",
        count(u64::from(job.frames_done)),
        count(u64::from(job.frames_total)),
        percent(job)
    );
    if job.frames_failed > 0 {
        text += &format!(", {} failed", count(u64::from(job.frames_failed)));
    }
    let nodes: BTreeSet<_> = job.leases.iter().map(|lease| lease.node).collect();
    match nodes.len() {
        0 => {}
        1 => text += ", 1 node",
        more => text += &format!(", {more} nodes"),
    }
    if with_eta {
        text.extend(eta(job).map(|left| format!(", {left}")));
    }
    text
}

fn eta(job: &JobView) -> Option<String> {
    let left = job
        .eta_seconds
        .filter(|left| *left > 0 && !job.state.is_final());
    left.map(|left| format!("about {} left", duration(left)))
}

/// What one node does for the job.
fn worker(lease: &LeaseView, counts: bool) -> String {
    let mut text = format!("{}  ", safe(&lease.node_name));
    match (lease.first_frame, lease.last_frame) {
        (Some(first), Some(last)) if first == last => text += &format!("frame {first}"),
        (Some(first), Some(last)) => text += &format!("frames {first} to {last}"),
        _ if lease.kind == "assemble" => text += "makes the film",
        _ => text += &safe(&lease.kind),
    }
    if counts && lease.frames_total > 0 {
        text += &format!(", {} of {} there", lease.frames_done, lease.frames_total);
    }
    if lease.speculative {
        text += ", a second copy";
    }
    text
}
