//! Answers for: the second process, After Effects: one render from its start, with or without the crash dialog, to its exit code.
//! Must not: print by itself; `voice` does.

use crate::arguments::{self, Arguments};
use crate::ending::{Class, Ended, Failure};
use crate::faults::{self, Faults};
use crate::frames::Run;
use crate::home::{Home, Session};
use crate::output::Sequence;
use crate::picture::Painter;
use crate::project::{self, Opened};
use crate::settings::Settings;
use crate::templates::{self, RenderSettings};
use crate::timecode::{date, elapsed};
use crate::voice::Voice;
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often a process behind the crash dialog looks whether the mark is gone.
const DIALOG_GLANCE: Duration = Duration::from_millis(50);

/// Runs After Effects for the launcher at `address` and returns its exit code.
#[must_use]
pub fn run(address: &str, words: &[String]) -> u8 {
    let Ok(settings) = Settings::from_environment() else {
        return Class::Application.exit_code(false); // the launcher has said why
    };
    let (arguments, mistake) = arguments::parse(words);
    let sequence = arguments.output.as_deref().map(Sequence::parse);
    let stem = match &sequence {
        Some(Ok(sequence)) => sequence.stem().to_owned(),
        Some(Err(_)) | None => String::new(),
    };
    let home = settings
        .home
        .as_deref()
        .and_then(|folder| Home::new(folder).ok());
    let session = home.as_ref().and_then(pass_the_dialog);
    let mut faults = Faults::new(&settings, home, &stem);
    let launched = faults.launch();
    thread::sleep(Duration::from_millis(settings.startup_ms));
    let Ok(mut voice) = Voice::connect(address, faults.stubborn()) else {
        leave(session);
        return Class::Socket.exit_code(false);
    };
    let work = Work {
        settings: &settings,
        faults: &faults,
        arguments: &arguments,
        since: Instant::now(),
    };
    let ended = launched
        .and_then(|()| work.open_log(&mut voice))
        .and_then(|()| mistake.map_or(Ok(()), |failure| Err(failure.into())))
        .and_then(|()| work.render(sequence, &mut voice));
    let code = last_words(ended, &work, &mut voice);
    leave(session);
    voice.exit(code);
    if faults.stubborn() {
        faults::hang();
    }
    code
}

/// Waits, silently, for as long as the crash dialog is in the way.
fn pass_the_dialog(home: &Home) -> Option<Session> {
    let since = Instant::now();
    while since.elapsed() < faults::LONGEST_HANG {
        match home.enter() {
            Ok(Some(session)) => return Some(session),
            Ok(None) => thread::sleep(DIALOG_GLANCE),
            Err(_) => return None, // no preferences, no dialog
        }
    }
    std::process::exit(1)
}

fn leave(session: Option<Session>) {
    if let Some(session) = session {
        // If the mark can't be taken away the next start shows the dialog, as it does for After Effects.
        let _ = session.leave();
    }
}

/// Says what is to be said at the end; the exit code.
fn last_words(ended: Result<(), Ended>, work: &Work<'_>, voice: &mut Voice) -> u8 {
    let with_log = voice.has_log();
    match ended {
        Ok(()) => 0,
        Err(Ended::Failed(failure)) => {
            // If the launcher is gone nobody hears it.
            let _ = voice.say(&failure.text);
            failure.class.exit_code(with_log)
        }
        Err(Ended::LauncherGone) => Class::Application.exit_code(with_log),
        Err(Ended::Early) => {
            let name = work.arguments.comp.as_deref().unwrap_or_default();
            // If the launcher is gone nobody hears it.
            let _ = work.finished(name, voice);
            0
        }
    }
}

struct Work<'a> {
    settings: &'a Settings,
    faults: &'a Faults,
    arguments: &'a Arguments,
    since: Instant,
}

impl Work<'_> {
    fn open_log(&self, voice: &mut Voice) -> Result<(), Ended> {
        voice.set_verbosity(self.arguments.verbosity);
        let Some(path) = &self.arguments.log else {
            return Ok(());
        };
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => path,
        };
        let failure = |text: &str| Failure::not_found(&format!("{text}{}", folder.display()));
        if !folder.exists() {
            return Err(failure("Directory specified for log file does not exist: ").into());
        }
        if !folder.is_dir() {
            return Err(
                failure("Directory specified for log file is a file, not a directory: ").into(),
            );
        }
        let text = "Can not open log file. Try checking write protection of directory: ";
        voice.log_to(File::create(path).map_err(|_| failure(text))?);
        Ok(())
    }

    fn render(
        &self,
        sequence: Option<Result<Sequence, Failure>>,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        let (project, path) = project::open(self.arguments, voice)?;
        let Some(name) = &self.arguments.comp else {
            return Err(self.without_composition(voice)?.into());
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let stem = match &sequence {
            Some(Ok(sequence)) => sequence.stem(),
            Some(Err(_)) | None => "",
        };
        let opened = project::find(&project, folder, self.arguments, name, stem)?;
        drop(project);
        voice.optional("PROGRESS: Adding specified comp to Render Queue")?;
        let settings = templates::render_settings(self.arguments.settings_template.as_deref())?;
        templates::check_output_module(self.arguments.output_template.as_deref())?;
        let text = "Specified render queue item needs output file but none provided.";
        let sequence = sequence.ok_or_else(|| Failure::not_found(text))??;
        if let Some(warning) = project::blank_frames_warning(&opened) {
            voice.optional(&warning)?;
        }
        self.render_opened(opened, &settings, &sequence, voice)
    }

    /// The whole queue is rendered without a composition; the stand-in's is always empty.
    fn without_composition(&self, voice: &mut Voice) -> Result<Failure, Ended> {
        let given = self.arguments;
        if given.queue_index.is_some() {
            let text = "No render queue item was found with the given index.";
            return Ok(Failure::not_found(text));
        }
        for (ignored, flag) in [
            (given.settings_template.is_some(), "-RStemplate"),
            (given.output_template.is_some(), "-OMtemplate"),
            (given.output.is_some(), "-output"),
            (given.start.is_some(), "-s"),
            (given.end.is_some(), "-e"),
        ] {
            if ignored {
                voice.optional(&format!(
                    "WARNING: {flag} argument ignored since no -comp or -rqindex provided."
                ))?;
            }
        }
        Ok(Failure::not_found(
            "the whole queue can not be rendered here, only a -comp.",
        ))
    }

    fn render_opened(
        &self,
        opened: Opened,
        settings: &RenderSettings,
        sequence: &Sequence,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        let name = opened.scene.name.clone();
        let size = opened.scene.size;
        let painter = Painter::new(opened.scene);
        let window = if self.arguments.mfr_off || !self.settings.unkind {
            1
        } else {
            self.settings.mfr_window
        };
        let run = Run {
            settings: self.settings,
            faults: self.faults,
            painter: &painter,
            sequence,
            range: opened.range,
            skip_existing: settings.skip_existing,
            window,
            rate: opened.rate,
            display_base: opened.display_base,
        };
        voice.queue(&format!(
            "{}: Starting composition \u{201c}{name}\u{201d}.",
            now()
        ))?;
        voice.queue("")?;
        let asked = self.arguments.start.is_some() || self.arguments.end.is_some();
        let span = if asked { "Custom" } else { "Work Area" };
        for line in header(&run, settings, size, span) {
            voice.queue(&line)?;
        }
        if let [first, ..] = &opened.missing[..]
            && !self.arguments.continue_on_missing_footage
        {
            return self.missing_footage(first, opened.missing.len(), voice);
        }
        run.render(voice)?;
        self.finished(&name, voice)
    }

    /// After Effects renders nothing then, warns, and has been seen to end with code 0.
    fn missing_footage(&self, first: &str, count: usize, voice: &mut Voice) -> Result<(), Ended> {
        voice.queue(&format!(
            "Total Time Elapsed: {}",
            elapsed(self.since.elapsed().as_secs())
        ))?;
        let logged = match count {
            1 => "logged one error".to_owned(),
            _ => format!("logged {count} errors, please check log."),
        };
        voice.optional(&format!(
            "WARNING:After Effects warning: {logged}  error: Unable to Render: File Not Found {first}"
        ))
    }

    fn finished(&self, name: &str, voice: &mut Voice) -> Result<(), Ended> {
        voice.queue(&format!(
            "{}: Finished composition \u{201c}{name}\u{201d}.",
            now()
        ))?;
        voice.queue("")?;
        voice.queue(&format!(
            "Total Time Elapsed: {}",
            elapsed(self.since.elapsed().as_secs())
        ))
    }
}

/// What After Effects says about a render queue item before its first frame.
fn header(
    run: &Run<'_>,
    settings: &RenderSettings,
    (width, height): (usize, usize),
    span: &str,
) -> Vec<String> {
    let (start, end) = run.range;
    let skip = if settings.skip_existing { "On" } else { "Off" };
    let duration = if run.settings.bare_frames {
        (end - start + 1).to_string()
    } else {
        crate::timecode::timecode(end - start + 1, run.rate)
    };
    let quality = if settings.name == "Draft Settings" {
        "Draft"
    } else {
        "Best"
    };
    [
        format!("Render Settings: {}", settings.name),
        format!("Quality: {quality}"),
        "Resolution: Full".into(),
        format!("Size: {width} x {height}"),
        "Proxy Use: Use No Proxies".into(),
        "Effects: Current Settings".into(),
        "Disk Cache: Read Only".into(),
        "Color Depth: Current Settings".into(),
        "Frame Blending: On for Checked Layers".into(),
        "Field Render: Off".into(),
        "Pulldown: Off".into(),
        "Motion Blur: On for Checked Layers".into(),
        "Solos: Current Settings".into(),
        format!("Time Span: {span}"),
        format!("Start: {}", run.shown(start)),
        format!("End: {}", run.shown(end)),
        format!("Duration: {duration}"),
        format!("Frame Rate: {:.2} (comp)", run.rate.per_second()),
        "Guide Layers: All Off".into(),
        format!("Skip Existing Files: {skip}"),
        String::new(),
        format!("Output Module: {}", templates::TIFF_SEQUENCE),
        format!("Output To: {}", run.sequence.pattern()),
        "Format: TIFF Sequence".into(),
        "Output Info: -".into(),
        "Include: -".into(),
        "Output Audio: Off".into(),
        "Channels: RGB + Alpha".into(),
        "Depth: Millions of Colors+".into(),
        "Color: Premultiplied".into(),
        "Resize: -".into(),
        "Crop: -".into(),
        format!("Final Size: {width} x {height}"),
        "Profile: -".into(),
        "Post-Render Action: None".into(),
        String::new(),
    ]
    .to_vec()
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    date(since.unwrap_or_default().as_secs())
}
