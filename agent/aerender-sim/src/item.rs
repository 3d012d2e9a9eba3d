//! Answers for: one item of the render queue: settings and templates, path, frames, one output module after the other, in the order
//! of After Effects' script (`reference/aerender.md` 1.2). Must not: choose items.

use crate::after_effects::{Work, now};
use crate::arguments::Arguments;
use crate::ending::{Ended, Failure};
use crate::faults::Faults;
use crate::frames::Run;
use crate::header::{self, Dressed};
use crate::module::Module;
use crate::output::Sequence;
use crate::picture::{Lacks, Painter};
use crate::project::{self, Opened, Order};
use crate::queue::Item;
use crate::settings::Status;
use crate::sound::Mix;
use crate::speech::Language;
use crate::templates::{self, RenderSettings};
use crate::voice::Voice;
use flatrender_aep::Project;
use std::path::Path;

/// What an item is rendered from.
pub(crate) struct Asked<'a> {
    pub project: &'a Project,
    pub folder: &'a Path,
    pub arguments: &'a Arguments,
    pub sequence: Option<Sequence>,
    pub lacks: Lacks,
}

impl Work<'_> {
    /// One item.
    pub(crate) fn render_item(
        &self,
        item: &Item,
        asked: &Asked<'_>,
        voice: &mut Voice,
    ) -> Result<(), Ended> {
        let settings = render_settings(item, asked.arguments, voice)?;
        let outputs = self.outputs(item, asked, &settings, voice)?;
        for (place, (module, sequence)) in outputs.iter().enumerate() {
            let mut opened = project::find(
                asked.project,
                &Order {
                    folder: asked.folder,
                    arguments: asked.arguments,
                    comp: &item.comp,
                    stem: sequence.stem(),
                    display_base: self.settings.display_base,
                    settings: &settings,
                    module,
                },
            )?;
            opened.scene.lacks = asked.lacks;
            let sequence = sequence.clone();
            let dressed = Dressed {
                settings: &settings,
                module,
                size: opened.size,
                sequence: &sequence.shifted(module.number_shift(opened.range.0)),
                arguments: asked.arguments,
            };
            let rendered = self.render_module(opened, &dressed, asked, place > 0, voice)?;
            if !rendered {
                return Ok(());
            }
        }
        self.finished(&item.comp, voice)
    }

    /// The output modules, the first as it is asked for, and where each writes to.
    fn outputs(
        &self,
        item: &Item,
        asked: &Asked<'_>,
        settings: &RenderSettings,
        voice: &mut Voice,
    ) -> Result<Vec<(Module, Sequence)>, Ended> {
        let arguments = asked.arguments;
        let own = item.output_template.as_deref();
        let template = arguments.output_template.as_deref().or(own);
        let made = &self.settings.output_templates;
        let mut module = templates::output_module(template, made)?;
        let told = module.apply(arguments.output_settings.as_deref().unwrap_or_default())?;
        say_told("-outputSettings", &told, voice)?;
        let sequence = match (&asked.sequence, &item.output) {
            (Some(sequence), _) => sequence.clone(),
            (None, Some(own)) if item.status != Status::NeedsOutput => Sequence::parse(own)?,
            (None, _) => {
                let text = "Specified render queue item needs output file but none provided.";
                return Err(Failure::not_found(text).into());
            }
        };
        let mut outputs = vec![(module, sequence)];
        for (path, template) in &item.more {
            let path = path.as_deref().ok_or_else(|| {
                let text = "Specified render queue item needs output file but none provided.";
                Failure::not_found(text)
            })?;
            let module = templates::output_module(template.as_deref(), made)?;
            outputs.push((module, Sequence::parse(path)?));
        }
        let alone = outputs.len() == 1 && !outputs[0].0.format.is_whole();
        if settings.skip_existing && !alone {
            let text = "'Skip Existing Files' is available only with ONE output module of type 'Sequence'.";
            return Err(Failure::runtime(text).into());
        }
        let written = outputs.into_iter().map(|(module, sequence)| {
            let sequence = sequence.written_as(module.format);
            (module, sequence)
        });
        let outputs: Vec<(Module, Sequence)> = written.collect();
        for (at, (_, one)) in outputs.iter().enumerate() {
            if outputs[..at]
                .iter()
                .any(|(_, other)| other.pattern() == one.pattern())
            {
                let text = "The name of an output module for this render item is already in use.";
                return Err(Failure::runtime(text).into());
            }
        }
        Ok(outputs)
    }

    /// One output module; whether it was rendered.
    fn render_module(
        &self,
        opened: Opened,
        dressed: &Dressed<'_>,
        asked: &Asked<'_>,
        quiet: bool,
        voice: &mut Voice,
    ) -> Result<bool, Ended> {
        let name = opened.scene.name.clone();
        let outside = project::blank_frames_warning(&opened);
        let first_frame = opened.scene.first_frame;
        let painter = Painter::new(opened.scene);
        let window = if self.arguments.mfr_off || !self.settings.unkind {
            1
        } else {
            self.settings.mfr_window
        };
        // what goes wrong is about the first module
        let none = Faults::none();
        let run = Run {
            settings: self.settings,
            faults: if quiet { &none } else { self.faults },
            painter: &painter,
            sequence: dressed.sequence,
            range: opened.range,
            skip_existing: dressed.settings.skip_existing,
            increment: i64::from(dressed.arguments.increment.unwrap_or(1)),
            module: dressed.module,
            quiet,
            words: self.words(),
            window,
            rate: opened.rate,
            display_base: opened.display_base,
            first_frame,
        };
        let lines = if quiet {
            header::module_lines(&run, dressed)
        } else {
            if let Some(warning) = outside {
                voice.optional(&warning)?;
            }
            voice.queue(&format!("{}: {}", now(), self.words().starting(&name)))?;
            voice.queue("")?;
            header::lines(&run, dressed)
        };
        for line in lines {
            voice.queue(&self.words().header(&line))?;
        }
        if let [first, ..] = &opened.missing[..]
            && !dressed.arguments.continue_on_missing_footage
        {
            self.missing_footage(first, opened.missing.len(), voice)?;
            return Ok(false);
        }
        if dressed.module.format.is_whole() {
            run.render_whole(&mix(asked, &name)?, voice)?;
        } else {
            run.render(voice)?;
        }
        Ok(true)
    }

    /// After Effects renders nothing then, warns, and has been seen to end with code 0.
    fn missing_footage(&self, first: &str, count: usize, voice: &mut Voice) -> Result<(), Ended> {
        let warned = match (self.settings.language, count) {
            (Language::En, 2..) => format!(
                "logged {count} errors, please check log.  error: Unable to Render: File Not Found {first}"
            ),
            _ => self.words().file_missing(first),
        };
        voice.optional(&format!("WARNING:After Effects warning: {warned}"))
    }
}

/// The item's own settings, those of a template that is asked for in their place, and single ones on top.
fn render_settings(
    item: &Item,
    arguments: &Arguments,
    voice: &mut Voice,
) -> Result<RenderSettings, Ended> {
    let mut settings = match &arguments.settings_template {
        Some(template) => templates::render_settings(Some(template))?,
        None => {
            let own = templates::render_settings(item.settings_template.as_deref())?;
            let span = item.span.unwrap_or(own.span);
            RenderSettings { span, ..own }
        }
    };
    let told = settings.apply(arguments.render_settings.as_deref().unwrap_or_default())?;
    say_told("-renderSettings", &told, voice)?;
    Ok(settings)
}

/// Settings that After Effects has and that change nothing here.
fn say_told(flag: &str, keys: &[String], voice: &mut Voice) -> Result<(), Ended> {
    for key in keys {
        voice.optional(&format!(
            "INFO:{flag} {key} changes nothing in the stand-in."
        ))?;
    }
    Ok(())
}

/// The sound of what is asked for.
fn mix(asked: &Asked<'_>, comp: &str) -> Result<Mix, Failure> {
    let Ok(comp) = asked.project.comp(comp) else {
        return Err(Failure::not_found("No comp was found with the given name."));
    };
    // it was read a moment ago; without it only the levels are not known
    let file = asked.arguments.project.as_ref().map(std::fs::read);
    let file = file.and_then(Result::ok).unwrap_or_default();
    Mix::new(asked.project, comp, &file, asked.folder).map_err(|error| {
        // After Effects names neither file nor cause; whoever looks for them finds them behind its text.
        let text = "Could not read from source. Please check the settings and try again.";
        Failure::runtime(&format!("{text} ({})", causes(&error)))
    })
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = format!("failed to {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}
