//! A renderer that runs: one loop over its shim, its folder, its output, what the attempt is told, and the clock. Files win
//! over words; nothing of the renderer is left behind. What began it is `start`'s business.

#![expect(
    clippy::disallowed_methods,
    reason = "the loop over one attempt reads the clock and hands `now` to what decides"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use flatrender_protocol::message::{Ending, FramesWork, OutcomeClass, Report, Work};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Uplink;
use super::attempt::{Desk, Told};
use super::follow::{Activity, Log};
use super::journal::{JournalError, Step};
use super::shim::{Exit, Said, Shim};
use super::start::{FORCED_KILL, disk_is_full};
use super::take::{Shelf, Taken, Taker};
use super::vigil::{Alarm, Phase, Vigil};
use crate::aerender::{self, Event, Evidence};
use crate::frame::FolderWatch;
use crate::in_words;
use crate::process::{self, End};

/// How often output and deadlines are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the process tree's use of the processor is looked at.
const LOOK_AT_PROCESSES: Duration = Duration::from_secs(2);
/// Most error lines that are kept.
const MAX_ERRORS: usize = 50;

/// A renderer that is followed, or what one has left.
pub(super) struct Run {
    shim: Option<Shim>,
    /// How its shim ended, once it has.
    pub(super) exit: Option<Exit>,
    out: PathBuf,
    log: Log,
    activity: Activity,
    looked_at_processes: Instant,
    vigil: Vigil,
    taker: Taker,
    evidence: Evidence,
    /// Whose fault it is, when the agent knows better than the renderer's words.
    class: Option<OutcomeClass>,
    /// It is to be stopped by its launcher, for the reason in the evidence.
    give_up: bool,
    kill_at: Option<Instant>,
    stop_asked: bool,
    launcher: Option<End>,
    /// Where the span ended that the renderer was started for.
    pub(super) ordered: u32,
    /// Held until this renderer is up, so that no other starts meanwhile.
    pub(super) turn: Option<OwnedMutexGuard<()>>,
}

impl Run {
    pub(super) fn new<U: Uplink>(desk: &Desk<U>, work: FramesWork, shim: Option<Shim>) -> Self {
        let now = Instant::now();
        let record = desk.journal.record();
        let out = desk.journal.scratch().join("out");
        let ordered = work.span.hi;
        let taker = Taker::new(
            work,
            record.lease.key,
            record.lease.job.to_string(),
            record.renderer.clone(),
            match &record.lease.work {
                Work::Snapshot(_) => Shelf::File(desk.journal.frame()),
                Work::Frames(_) | Work::Assemble(_) | Work::Prepare(_) | Work::Sound(_) => {
                    Shelf::Spool(desk.room.spool.clone())
                }
            },
        );
        Self {
            ordered,
            shim,
            exit: None,
            log: Log::new(desk.journal.log()),
            activity: Activity::new(&out, now),
            out,
            looked_at_processes: now,
            vigil: Vigil::new(desk.room.config.limits.clone(), now),
            taker,
            evidence: Evidence::default(),
            class: None,
            give_up: false,
            kill_at: None,
            stop_asked: false,
            launcher: None,
            turn: None,
        }
    }

    /// Follows the renderer until nothing of it is left; `false` when the agent leaves before.
    pub(super) async fn follow<U: Uplink>(
        &mut self,
        desk: &mut Desk<U>,
    ) -> Result<bool, JournalError> {
        let Some(mut shim) = self.shim.take() else {
            return Ok(true);
        };
        let mut watch = match FolderWatch::new(&self.out) {
            Ok(watch) => watch,
            Err(error) => {
                self.fail(OutcomeClass::Node, in_words(&error));
                shim.kill().await;
                std::fs::create_dir_all(&self.out).ok();
                return Ok(self.wait_for_the_end(desk, &mut shim).await);
            }
        };
        let spool = desk.room.spool.clone();
        let mut tick = ticks();
        loop {
            tokio::select! {
                said = shim.next() => match said {
                    Said::LauncherEnded(end) => self.launcher_ended(desk, end),
                    Said::Ended(exit) => {
                        self.ended(desk, exit);
                        return Ok(true);
                    }
                },
                candidate = watch.next() => self.offer(desk, candidate.path),
                taken = self.taker.next() => self.taken(desk, taken),
                told = desk.hear() => self.hear(desk, told).await,
                () = spool.room(), if self.taker.waits_for_room() => self.taker.room(),
                _ = tick.tick() => self.look(desk, &shim),
            }
            if desk.leaving {
                return Ok(false);
            }
            self.decide(desk, &shim).await?;
        }
    }

    /// The end of a renderer whose frames can't be followed.
    async fn wait_for_the_end<U: Uplink>(&mut self, desk: &mut Desk<U>, shim: &mut Shim) -> bool {
        loop {
            let said = desk.see_through(shim.next()).await;
            if desk.leaving {
                return false;
            }
            if let Said::Ended(exit) = said {
                self.ended(desk, exit);
                return true;
            }
        }
    }

    async fn hear<U: Uplink>(&mut self, desk: &mut Desk<U>, told: Option<Told>) {
        if let Some(Told::Shrink(until)) = told {
            // What has a file may be taken at any moment; it stays ours.
            let begun = self.taker.begun();
            desk.shrink(until, begun).await;
        } else {
            desk.obey(told).await;
        }
    }

    fn offer<U: Uplink>(&mut self, desk: &Desk<U>, path: PathBuf) {
        let Some(ordinal) = self.taker.ordinal(&path) else {
            tracing::debug!(path = %path.display(), "not a frame of this lease by its name");
            return;
        };
        if desk.dropped.is_some() || ordinal >= desk.journal.record().until {
            return;
        }
        if desk.journal.is_handed(ordinal) {
            // The agent was killed between the spool and this.
            let _ = std::fs::remove_file(path);
            return;
        }
        self.taker.offer(ordinal, path, Instant::now());
    }

    fn taken<U: Uplink>(&mut self, desk: &mut Desk<U>, taken: Taken) {
        match taken {
            Taken::Kept(ordinal) => {
                desk.journal.handed(ordinal);
                let took = self.vigil.frame(Instant::now());
                if desk.journal.record().startup_ms.is_none() {
                    desk.journal
                        .first_frame_after(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
                }
                self.turn = None;
            }
            Taken::NotYet(ordinal) => tracing::debug!(ordinal, "file is no frame yet"),
            Taken::NoRoom => {
                tracing::warn!(state = ?desk.room.spool.state(), "spool full; frames wait in the scratch folder")
            }
            Taken::Failed(error) => self.fail(OutcomeClass::Node, in_words(&error)),
        }
    }

    fn look<U: Uplink>(&mut self, desk: &Desk<U>, shim: &Shim) {
        let now = Instant::now();
        if self.taker.waits_for_room() {
            self.vigil.excuse(now);
        }
        let before = self.log.bytes();
        let events = self.log.more();
        if self.log.bytes() != before {
            self.vigil.done_something(now);
        }
        self.note(events, now);
        if self.log.bytes() > desk.room.config.limits.log_max_bytes {
            self.fail(
                OutcomeClass::Transient,
                format!(
                    "the renderer has written {} bytes of output",
                    self.log.bytes()
                ),
            );
        }
        if now.duration_since(self.looked_at_processes) >= LOOK_AT_PROCESSES {
            self.looked_at_processes = now;
            let members = shim.members();
            if self.activity.look(&members, now) {
                self.vigil.done_something(now);
            }
            let pids = members.iter().map(|member| member.pid).collect();
            desk.room.note_processes(desk.journal.key(), pids);
            if let Some(why) = disk_is_full(desk) {
                self.evidence.ended_by_agent.get_or_insert(why);
                self.class.get_or_insert(OutcomeClass::Node);
                self.give_up = true;
            }
        }
    }

    fn note(&mut self, events: Vec<Event>, now: Instant) {
        for event in events {
            match event {
                Event::Started | Event::Frame(_) => {
                    self.vigil.reach(Phase::FirstFrame, now);
                    self.turn = None;
                }
                Event::Error(line) if self.evidence.errors.len() < MAX_ERRORS => {
                    self.evidence.errors.push(line)
                }
                Event::Warning(line) if self.evidence.warnings.len() < MAX_ERRORS => {
                    self.evidence.warnings.push(line)
                }
                Event::Finished => self.evidence.finished = true,
                Event::Version(_) | Event::Warning(_) | Event::Error(_) => {}
            }
        }
    }

    fn launcher_ended<U: Uplink>(&mut self, desk: &Desk<U>, end: End) {
        self.launcher = Some(end);
        // What it started has no reason to stay: it stops by itself at its next message.
        let grace = if desk.journal.owed().is_empty() {
            Duration::from_millis(desk.room.config.limits.leftover_ms)
        } else {
            self.vigil.stopping()
        };
        self.kill_by(Instant::now() + grace);
    }

    fn kill_by(&mut self, at: Instant) {
        self.kill_at = Some(self.kill_at.map_or(at, |before| before.min(at)));
    }

    /// The renderer is to be killed, for a reason that the report gives.
    fn fail(&mut self, class: OutcomeClass, why: String) {
        if self.evidence.ended_by_agent.is_none() {
            tracing::warn!(why, "renderer is being killed");
            self.evidence.ended_by_agent = Some(why);
            self.class = Some(class);
        }
        self.kill_at = Some(Instant::now());
    }

    /// Stops and kills as it is due.
    async fn decide<U: Uplink>(
        &mut self,
        desk: &mut Desk<U>,
        shim: &Shim,
    ) -> Result<(), JournalError> {
        let now = Instant::now();
        let all_here = desk.journal.owed().is_empty();
        let shrunk = desk.journal.record().until < self.ordered;
        if !self.stop_asked && self.kill_at.is_none() {
            let why = match (&desk.dropped, desk.give_back) {
                (Some(reason), _) => Some(reason.clone()),
                (None, true) => Some("the agent was told to end".to_owned()),
                (None, false) if self.give_up => self.evidence.ended_by_agent.clone(),
                (None, false) if all_here && shrunk => Some("the rest was given back".to_owned()),
                (None, false) => None,
            };
            if let Some(why) = why {
                tracing::info!(why, "stopping the renderer by its launcher");
                desk.journal.step(Step::Stopping { why })?;
                shim.stop().await;
                self.stop_asked = true;
                self.kill_by(now + self.vigil.stopping());
            } else if all_here {
                self.vigil.reach(Phase::Finalising, now);
            }
        }
        if self.kill_at.is_none() {
            match self.vigil.alarm(now) {
                Some(Alarm::Hang(why)) => self.fail(OutcomeClass::Transient, why),
                Some(Alarm::WillNotEnd) => {
                    tracing::warn!(
                        "every frame is there and the renderer does not end; killing it"
                    );
                    self.kill_at = Some(now);
                }
                None => {}
            }
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            // Asked again at the next turn if something is left then; the shim says when nothing is.
            self.kill_at = Some(now + Duration::from_secs(5));
            shim.kill().await;
        }
        Ok(())
    }

    fn ended<U: Uplink>(&mut self, desk: &Desk<U>, exit: Exit) {
        if exit.forced
            && let Err(error) = std::fs::write(desk.room.config.folder(FORCED_KILL), b"")
        {
            tracing::warn!(%error, "forced kill not noted");
        }
        if !exit.left.is_empty() {
            tracing::error!(left = ?exit.left, "processes of the renderer could not be killed");
        }
        desk.room.note_processes(desk.journal.key(), Vec::new());
        self.exit = Some(exit);
        self.turn = None;
    }

    /// Nothing writes any more: takes what is whole, and reads the output to its end.
    pub(super) async fn take_the_rest<U: Uplink>(&mut self, desk: &mut Desk<U>) {
        let events = self.log.rest();
        self.note(events, Instant::now());
        // After the shim was killed, nobody has looked after what it ran.
        if let Some(exit) = &self.exit
            && let Some(born) = exit.left.first()
        {
            tracing::error!(
                pid = born.pid,
                alive = process::alive(born),
                "a process of the renderer is left"
            );
        }
        let Ok(mut watch) = FolderWatch::new(&self.out) else {
            return;
        };
        for path in watch.sweep() {
            self.offer(desk, path);
        }
        let spool = desk.room.spool.clone();
        while !self.taker.idle() && desk.dropped.is_none() && !desk.leaving {
            tokio::select! {
                taken = self.taker.next() => self.taken(desk, taken),
                told = desk.hear() => self.hear(desk, told).await,
                () = spool.room(), if self.taker.waits_for_room() => self.taker.room(),
            }
        }
    }

    pub(super) fn report<U: Uplink>(mut self, desk: &Desk<U>) -> Report {
        let exit = self.exit.take();
        let owed = desk.journal.owed();
        self.evidence.launcher = exit
            .as_ref()
            .and_then(|exit| exit.launcher)
            .or(self.launcher);
        self.evidence.missing = owed
            .iter()
            .map(|&ordinal| (self.taker.display(ordinal), self.taker.refusal(ordinal)))
            .collect();
        let unclaimed = exit.as_ref().is_some_and(|exit| exit.unclaimed);
        if let Some(error) = exit.as_ref().and_then(|exit| exit.error.clone()) {
            // A renderer that can't be started is the node's fault; a shim that was killed is nobody's.
            if exit.as_ref().is_some_and(|exit| !exit.forced) {
                self.class = Some(OutcomeClass::Node);
            }
            self.evidence.ended_by_agent.get_or_insert(error);
        }
        let verdict = aerender::judge(&self.evidence);
        let (ending, class, message) = if desk.dropped.is_some() {
            return desk.stopped_report();
        } else if owed.is_empty() {
            (Ending::Succeeded, verdict.class, verdict.message)
        } else if desk.give_back || unclaimed {
            let why = if unclaimed {
                "the renderer was stopped because its agent or its machine was gone"
            } else {
                "the agent was told to end"
            };
            (Ending::Stopped, OutcomeClass::Ok, why.to_owned())
        } else {
            (
                Ending::Failed,
                self.class.unwrap_or(verdict.class),
                verdict.message,
            )
        };
        let mut report = desk.report(ending, class, message);
        report.exit_code = self.evidence.launcher.and_then(|end| end.code);
        report.log_tail = self.log.tail();
        report
    }
}

fn ticks() -> Interval {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
