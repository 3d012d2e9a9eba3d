//! The rendering of a frame job: one loop over the renderer's shim, its folder, its output, what the attempt is told, and
//! the clock. It begins where the journal says that the attempt stands: at the start, beside a shim that is running, or
//! at what an ended one left. Files win over words; nothing is left behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flatrender_protocol::message::{Ending, FramesWork, OutcomeClass, Report};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::attempt::{Desk, Tells, Told, remove_scratch};
use super::follow::{Activity, Log};
use super::journal::{JournalError, Step};
use super::shim::{Exit, Found, Order, Said, Shim, ShimError};
use super::take::{Taken, Taker};
use super::vigil::{Alarm, Phase, Vigil};
use super::{Renderer, Uplink};
use crate::aerender::{self, Event, Evidence, Render};
use crate::cache::{CacheError, FetchError, Pinned};
use crate::config::NodeKind;
use crate::frame::FolderWatch;
use crate::host;
use crate::in_words;
use crate::process::{self, End};

/// How often output and deadlines are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the process tree's use of the processor is looked at.
const LOOK_AT_PROCESSES: Duration = Duration::from_secs(2);
/// How long a project that can't be fetched is left alone.
const FETCH_AGAIN: Duration = Duration::from_secs(2);
/// How long a shim that is being born may take to be found.
const FIND: Duration = Duration::from_secs(3);
/// Most error lines that are kept.
const MAX_ERRORS: usize = 50;

/// Why an attempt failed before its renderer ran.
struct Failure {
    class: OutcomeClass,
    message: String,
}

impl Failure {
    fn node(error: &dyn std::error::Error) -> Self {
        Self {
            class: OutcomeClass::Node,
            message: in_words(error),
        }
    }
}

/// Renders; the report, or `None` when the agent leaves and the renderer goes on.
pub(super) async fn render<U: Uplink>(
    desk: &mut Desk<U>,
    work: FramesWork,
) -> Result<Option<Report>, JournalError> {
    let slots = desk.room.slots.clone();
    let _permit: Option<OwnedSemaphorePermit>;
    let found = match desk.journal.record().step {
        Step::Accepted | Step::Ended(_) => Ok(Found::Never),
        Step::Starting | Step::Running { .. } | Step::Stopping { .. } => {
            let folder = desk.journal.folder().to_owned();
            desk.see_through(Shim::find(&folder, FIND)).await
        }
    };
    let mut run = match found {
        Ok(Found::Alive(shim)) => {
            tracing::info!("renderer found again; going on");
            if matches!(desk.journal.record().step, Step::Stopping { .. }) {
                // It was being stopped when the agent ended, and what it has not rendered is not wanted from it.
                desk.give_back = true;
            }
            // It runs, whether there is a slot for it or not.
            _permit = slots.try_acquire_owned().ok();
            desk.tell(Tells::Started).await;
            Run::new(desk, work, Some(shim))
        }
        Ok(Found::Ended(exit)) => {
            if matches!(desk.journal.record().step, Step::Stopping { .. }) {
                desk.give_back = true;
            }
            let mut run = Run::new(desk, work, None);
            run.exit = Some(exit);
            run
        }
        Ok(Found::Never) => {
            let Some(permit) = desk.attend(slots.acquire_owned()).await else {
                return Ok(before_the_start(desk));
            };
            _permit = permit.ok();
            match begin(desk, &work).await? {
                None => return Ok(before_the_start(desk)),
                Some(Err(failure)) => {
                    return Ok(Some(desk.report(
                        Ending::Failed,
                        failure.class,
                        failure.message,
                    )));
                }
                Some(Ok((shim, turn))) => {
                    let mut run = Run::new(desk, work, Some(shim));
                    run.ordered = desk.journal.record().until;
                    run.turn = Some(turn);
                    run
                }
            }
        }
        Err(error) => {
            let failure = Failure::node(&error);
            return Ok(Some(desk.report(
                Ending::Failed,
                failure.class,
                failure.message,
            )));
        }
    };
    let follow = run.follow(desk).await?;
    if !follow {
        return Ok(None);
    }
    run.take_the_rest(desk).await;
    Ok((!desk.leaving).then(|| run.report(desk)))
}

/// Told to stop before anything was started, or nothing is left to be rendered.
fn before_the_start<U: Uplink>(desk: &Desk<U>) -> Option<Report> {
    (!desk.leaving).then(|| desk.stopped_report())
}

type Begun = Option<Result<(Shim, OwnedMutexGuard<()>), Failure>>;

/// Everything from the lease to a renderer that is up. `None` when told to stop before that.
async fn begin<U: Uplink>(desk: &mut Desk<U>, work: &FramesWork) -> Result<Begun, JournalError> {
    let Some(renderer) = desk.room.renderer.clone() else {
        return Ok(Some(Err(Failure {
            class: OutcomeClass::Node,
            message: "this node has no renderer; set `renderer` in its configuration".into(),
        })));
    };
    let pinned = match fetch(desk, work).await {
        None => return Ok(None),
        Some(Err(failure)) => return Ok(Some(Err(failure))),
        Some(Ok(pinned)) => pinned,
    };
    let (scratch, out) = (desk.journal.scratch(), desk.journal.scratch().join("out"));
    let project = scratch.join(match Path::new(&work.project_name).extension() {
        Some(extension) if extension.eq_ignore_ascii_case("aepx") => "project.aepx",
        _ => "project.aep",
    });
    remove_scratch(&desk.journal);
    let copied = async {
        tokio::fs::create_dir_all(&out).await?;
        tokio::fs::copy(pinned.path(), &project).await
    };
    match desk.attend(copied).await {
        None => return Ok(None),
        Some(Err(error)) => return Ok(Some(Err(Failure::node(&error)))),
        Some(Ok(_)) => {}
    }
    drop(pinned);
    let starts = desk.room.starts.clone();
    let Some(turn) = desk.attend(starts.lock_owned()).await else {
        return Ok(None);
    };
    if desk.journal.owed().is_empty() {
        return Ok(None);
    }
    if let Some(message) = disk_is_full(desk) {
        let class = OutcomeClass::Node;
        return Ok(Some(Err(Failure { class, message })));
    }
    remove_crash_repair_marks(desk);
    desk.journal.step(Step::Starting)?;
    let order = order(desk, work, renderer, &project, &out);
    let shim = start_shim(desk, &order).await;
    match shim {
        Ok(shim) => {
            if let Some(born) = shim.born() {
                desk.journal.step(Step::Running {
                    shim: born.tree.root.clone(),
                })?;
                desk.tell(Tells::Started).await;
            }
            Ok(Some(Ok((shim, turn))))
        }
        Err(error) => Ok(Some(Err(Failure::node(&error)))),
    }
}

async fn start_shim<U: Uplink>(desk: &mut Desk<U>, order: &Order) -> Result<Shim, ShimError> {
    let limit = Duration::from_millis(desk.room.config.limits.starting_ms);
    let program = match &desk.room.config.shim_program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|source| ShimError::Start {
            program: "this executable".into(),
            source,
        })?,
    };
    let folder = desk.journal.folder().to_owned();
    // Seen through even when told to stop: a shim that is half started must be known.
    desk.see_through(Shim::start(&program, &folder, order, limit))
        .await
}

fn order<U: Uplink>(
    desk: &Desk<U>,
    work: &FramesWork,
    renderer: Renderer,
    project: &Path,
    out: &Path,
) -> Order {
    let record = desk.journal.record();
    let frames = i64::from(record.until) - i64::from(work.span.lo);
    let render = Render {
        project,
        composition: &work.composition,
        first: work.first_display,
        last: work.first_display + frames - 1,
        output_template: &work.output_template,
        settings_template: &work.settings_template,
        folder: out,
        stem: &record.lease.job.to_string(),
    };
    Order {
        program: renderer.program,
        args: render.arguments(),
        folder: desk.journal.scratch(),
        log: desk.journal.log(),
        unclaimed: desk.room.config.shim_unclaimed(),
        grace: Duration::from_millis(desk.room.config.limits.stop_ms),
    }
}

/// The project, pinned; waits for a controller as long as it takes.
async fn fetch<U: Uplink>(
    desk: &mut Desk<U>,
    work: &FramesWork,
) -> Option<Result<Pinned, Failure>> {
    let (cache, uplink) = (desk.room.cache.clone(), desk.room.uplink.clone());
    loop {
        let error = match desk.attend(cache.get(&work.project, &*uplink)).await? {
            Ok(pinned) => return Some(Ok(pinned)),
            Err(error) => error,
        };
        match &error {
            CacheError::Fetch {
                source: FetchError::Broken { .. } | FetchError::EndedEarly { .. },
                ..
            }
            | CacheError::Shared(_)
            | CacheError::Full { .. } => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "project not fetched yet; trying again"
                );
                desk.attend(tokio::time::sleep(FETCH_AGAIN)).await?;
            }
            CacheError::Fetch { .. }
            | CacheError::WrongDigest { .. }
            | CacheError::TooMuch { .. } => {
                return Some(Err(Failure {
                    class: OutcomeClass::Transient,
                    message: in_words(&error),
                }));
            }
            CacheError::TooLarge { .. } | CacheError::DiskFull { .. } | CacheError::Io { .. } => {
                return Some(Err(Failure::node(&error)));
            }
        }
    }
}

/// What a forced kill leaves would greet the next start with a dialog. Only the farm's own machines are cleaned up.
fn remove_crash_repair_marks<U: Uplink>(desk: &Desk<U>) {
    let config = &desk.room.config;
    let killed = config.folder(FORCED_KILL);
    if config.kind != NodeKind::Dedicated || !killed.exists() {
        return;
    }
    for mark in &config.crash_repair_marks {
        let removed = match mark.metadata() {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(mark),
            Ok(_) => std::fs::remove_file(mark),
            Err(_) => continue,
        };
        match removed {
            Ok(()) => {
                tracing::info!(mark = %mark.display(), "crash-repair mark removed after a forced kill")
            }
            Err(error) => {
                tracing::warn!(mark = %mark.display(), %error, "crash-repair mark not removed")
            }
        }
    }
    let _ = std::fs::remove_file(killed);
}

/// Too little is free where renderers write; in words.
fn disk_is_full<U: Uplink>(desk: &Desk<U>) -> Option<String> {
    let floor = desk.room.config.limits.disk_floor_bytes;
    let folder = desk.journal.folder();
    // A disk that does not say how full it is stops nobody.
    let free = host::free_bytes(folder).ok()?;
    (free < floor).then(|| {
        format!(
            "the disk of {} has {free} bytes free, and {floor} of them are to stay free; free some of it",
            folder.display()
        )
    })
}

/// A file of the data folder that says that a renderer was killed by force since the last start.
const FORCED_KILL: &str = "forced-kill";

struct Run {
    shim: Option<Shim>,
    exit: Option<Exit>,
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
    ordered: u32,
    /// Held until this renderer is up, so that no other starts meanwhile.
    turn: Option<OwnedMutexGuard<()>>,
}

impl Run {
    fn new<U: Uplink>(desk: &Desk<U>, work: FramesWork, shim: Option<Shim>) -> Self {
        let now = Instant::now();
        let record = desk.journal.record();
        let out = desk.journal.scratch().join("out");
        let ordered = work.span.hi;
        let taker = Taker::new(
            work,
            record.lease.key,
            record.lease.job.to_string(),
            record.renderer.clone(),
            desk.room.spool.clone(),
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
    async fn follow<U: Uplink>(&mut self, desk: &mut Desk<U>) -> Result<bool, JournalError> {
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
    async fn take_the_rest<U: Uplink>(&mut self, desk: &mut Desk<U>) {
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

    fn report<U: Uplink>(mut self, desk: &Desk<U>) -> Report {
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
