//! Answers for: aerender's command line: which flags there are, what they take, and the texts for what is wrong with them. Must
//! not: look at the file system or at the project.
//!
//! The texts that are known are those of After Effects' own script; where none is known, or the stand-in can't do what aerender can,
//! the text is our own.

use crate::ending::{Class, Failure};
use std::path::PathBuf;

/// `-v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// Only what ends the render.
    Errors,
    /// Everything.
    #[default]
    Progress,
}

/// A command line that can be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// `-project`
    pub project: Option<PathBuf>,
    /// `-comp`
    pub comp: Option<String>,
    /// `-teamproject`
    pub team_project: Option<String>,
    /// `-rqindex`, from 1.
    pub queue_index: Option<String>,
    /// `-RStemplate`
    pub settings_template: Option<String>,
    /// `-OMtemplate`
    pub output_template: Option<String>,
    /// `-renderSettings`: keys and values.
    pub render_settings: Option<Vec<(String, String)>>,
    /// `-outputSettings`: keys and values.
    pub output_settings: Option<Vec<(String, String)>>,
    /// `-output`
    pub output: Option<String>,
    /// `-log`
    pub log: Option<PathBuf>,
    /// `-s`, a display frame.
    pub start: Option<i64>,
    /// `-e`, a display frame, included.
    pub end: Option<i64>,
    /// `-v`
    pub verbosity: Verbosity,
    /// `-i`, if it was given: every so many frames are rendered, and repeated between.
    pub increment: Option<u32>,
    /// `-mfr OFF`
    pub mfr_off: bool,
    /// `-sound ON`
    pub sound: bool,
    /// `-reuse`; the stand-in has no running instance, so it starts one.
    pub reuse: bool,
    /// `-continueOnMissingFootage`
    pub continue_on_missing_footage: bool,
}

/// What `-help` prints.
const USAGE: &str = "\
USAGE:
   aerender renders a composition of a project, or its whole render queue, to sequences of still images.

   -project <path>        the project
   -teamproject <name>    refused here: there is no server of team projects
   -comp <name>           the composition: the first queued item that shows it, else it is put into the queue
   -rqindex <number>      an item of the render queue, from 1; not looked at when there is a -comp
   -s <frame>             first frame, as the timeline shows it; default: start of the work area
   -e <frame>             last frame, included; default: end of the work area
   -i <1 to 100>          increment: one picture for so many frames
   -RStemplate <name>     render settings template
   -OMtemplate <name>     output module template
   -renderSettings <key: value; key: value>
   -outputSettings <key: value; key: value>
   -output <path>         where the frames go, with [#####] in place of the frame number
   -log <path>            file for messages, in place of the standard output
   -v <ERRORS | ERRORS_AND_PROGRESS>
   -mem_usage <cache percent> <greatest percent>
   -mfr <ON | OFF> <percent of processors>
   -sound <ON | OFF>
   -close <DO_NOT_SAVE_CHANGES | SAVE_CHANGES | DO_NOT_CLOSE>
   -reuse                 a running After Effects; there is none here, so one is started
   -mp                    of old versions; does nothing
   -continueOnMissingFootage
   -version               print the version and do nothing
   -h, -help              print this";

fn syntax(text: String) -> Failure {
    Failure::new(Class::Syntax, format!("aerender SYNTAX ERROR: {text}"))
}

/// Reads a command line, without the program's name: what was understood, and the line and exit code of what was not.
#[must_use]
pub fn parse(words: &[String]) -> (Arguments, Option<Failure>) {
    let mut arguments = Arguments::default();
    let failure = fill(&mut arguments, words).err();
    (arguments, failure)
}

fn fill(arguments: &mut Arguments, words: &[String]) -> Result<(), Failure> {
    if words.is_empty() {
        return Err(Failure::new(Class::Usage, USAGE));
    }
    let mut rest = words.iter();
    while let Some(flag) = rest.next() {
        let mut value = || match rest.next() {
            Some(value) => Ok(unquoted(value).to_owned()),
            None => Err(syntax(format!("no value given for flag: {flag}"))),
        };
        match flag.as_str() {
            "-project" => arguments.project = Some(value()?.into()),
            "-teamproject" => arguments.team_project = Some(value()?),
            "-comp" => arguments.comp = Some(value()?),
            "-rqindex" => arguments.queue_index = Some(value()?),
            "-RStemplate" => arguments.settings_template = Some(value()?),
            "-OMtemplate" => arguments.output_template = Some(value()?),
            "-output" => arguments.output = Some(value()?),
            "-log" => arguments.log = Some(value()?.into()),
            "-s" => arguments.start = Some(frame_number(flag, &value()?)?),
            "-e" => arguments.end = Some(frame_number(flag, &value()?)?),
            "-i" => arguments.increment = Some(increment(&value()?)?),
            "-v" => arguments.verbosity = verbosity(&value()?)?,
            "-mem_usage" => memory(&value()?, &value()?)?,
            "-mfr" => arguments.mfr_off = !multi_frame(&value()?, &value()?)?,
            "-close" => close(&value()?)?,
            "-sound" => arguments.sound = sound(&value()?)?,
            "-reuse" => arguments.reuse = true,
            // Internal: the launcher sets it with -reuse.
            "-doSavePrefsOnQuit" => {}
            // Of old multiprocessing: a flag without a value, which has done nothing since 2022.
            "-mp" => {}
            "-renderSettings" => arguments.render_settings = Some(pairs(&value()?)),
            "-outputSettings" => arguments.output_settings = Some(pairs(&value()?)),
            "-continueOnMissingFootage" => arguments.continue_on_missing_footage = true,
            "-h" | "-help" => return Err(Failure::new(Class::Usage, USAGE)),
            "-version" => return Err(Failure::new(Class::Version, "")),
            _ => return Err(syntax(format!("Illegal argument flag: {flag}"))),
        }
    }
    Ok(())
}

/// The value without the double quotes that enclose it, as After Effects' script takes them off.
fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(value)
}

fn frame_number(flag: &str, value: &str) -> Result<i64, Failure> {
    match value.parse::<i64>() {
        Ok(frame) if i32::try_from(frame).is_ok() => Ok(frame),
        _ => Err(syntax(format!("Bad value for {flag}."))),
    }
}

/// `K: v; K2: v2`. Only the first two parts around colons are kept, as After Effects' script does it (section 1.4).
fn pairs(value: &str) -> Vec<(String, String)> {
    value
        .split(';')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let mut parts = pair.split(':').map(|part| part.trim().to_owned());
            (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            )
        })
        .collect()
}

fn increment(value: &str) -> Result<u32, Failure> {
    match value.parse::<u32>() {
        Ok(increment @ 1..=100) => Ok(increment),
        _ => Err(syntax(
            "Bad value for -increment. Must be between 1 and 100, inclusive.".into(),
        )),
    }
}

fn verbosity(value: &str) -> Result<Verbosity, Failure> {
    match value {
        "ERRORS" => Ok(Verbosity::Errors),
        "ERRORS_AND_PROGRESS" => Ok(Verbosity::Progress),
        _ => Err(syntax("Bad value for -verbose.".into())),
    }
}

fn memory(cache: &str, greatest: &str) -> Result<(), Failure> {
    let percent = |value: &str| value.parse::<f64>().is_ok_and(|value| value >= 0.0);
    if percent(cache) && percent(greatest) {
        return Ok(());
    }
    Err(syntax("Bad value for -mem_usage.".into()))
}

/// Whether frames are rendered side by side.
fn multi_frame(switch: &str, percent: &str) -> Result<bool, Failure> {
    let on = match switch {
        "ON" | "on" => Some(true),
        "OFF" | "off" => Some(false),
        _ => None,
    };
    let in_range = percent
        .parse::<u32>()
        .is_ok_and(|percent| (1..=100).contains(&percent));
    on.filter(|_| in_range)
        .ok_or_else(|| syntax("Bad value for -mfr.".into()))
}

fn close(value: &str) -> Result<(), Failure> {
    match value {
        "DO_NOT_SAVE_CHANGES" | "SAVE_CHANGES" | "DO_NOT_CLOSE" => Ok(()),
        _ => Err(syntax("Bad value for -close.".into())),
    }
}

fn sound(value: &str) -> Result<bool, Failure> {
    match value {
        "ON" | "on" => Ok(true),
        "OFF" | "off" => Ok(false),
        _ => Err(syntax("Bad value for -sound.".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(&words) {
            (arguments, None) => Ok(arguments),
            (_, Some(failure)) => Err(failure),
        }
    }

    #[test]
    fn an_agents_command_line_is_understood() {
        let arguments = read(
            "-project p.aep -comp Main -s -2 -e 9 -i 1 -OMtemplate T -RStemplate R -output \"o_[#####].tif\" -log l.txt \
             -v ERRORS -mem_usage 20 50 -mfr OFF 100 -sound OFF -continueOnMissingFootage -close DO_NOT_SAVE_CHANGES",
        );
        let expected = Arguments {
            project: Some("p.aep".into()),
            comp: Some("Main".into()),
            settings_template: Some("R".into()),
            output_template: Some("T".into()),
            output: Some("o_[#####].tif".into()),
            log: Some("l.txt".into()),
            start: Some(-2),
            end: Some(9),
            verbosity: Verbosity::Errors,
            increment: Some(1),
            mfr_off: true,
            continue_on_missing_footage: true,
            ..Arguments::default()
        };
        assert_eq!(arguments.unwrap(), expected);
    }

    #[test]
    fn settings_are_pairs_and_a_second_colon_cuts_them() {
        let words = [
            "-outputSettings",
            "\"Crop: true; Crop Top: 4; Path: C:\\x\"",
        ]
        .map(str::to_owned);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parse(&words).0.output_settings,
            Some(vec![
                pair("Crop", "true"),
                pair("Crop Top", "4"),
                pair("Path", "C")
            ])
        );
        let switches = read("-reuse -sound on -doSavePrefsOnQuit -mp -rqindex 2").unwrap();
        assert!(switches.reuse && switches.sound);
        assert_eq!(switches.queue_index.as_deref(), Some("2"));
    }

    #[test]
    fn help_and_version_are_no_renders() {
        assert_eq!(read("").unwrap_err().class, Class::Usage);
        assert_eq!(read("-project p -help").unwrap_err().class, Class::Usage);
        assert_eq!(read("-version").unwrap_err().class, Class::Version);
        assert_eq!(
            read("-comp -version").unwrap().comp.as_deref(),
            Some("-version")
        );
    }

    #[test]
    fn what_came_before_a_mistake_is_kept() {
        let words = ["-log", "l.txt", "-r"].map(str::to_owned);
        let (arguments, failure) = parse(&words);
        assert_eq!(arguments.log, Some("l.txt".into()));
        assert!(failure.is_some());
    }

    #[test]
    fn the_known_texts_are_used() {
        for (line, text) in [
            ("-r x.jsx", "Illegal argument flag: -r"),
            ("-noui -m", "Illegal argument flag: -noui"),
            ("-comp", "no value given for flag: -comp"),
            ("-mem_usage 20", "no value given for flag: -mem_usage"),
            ("-mfr ON", "no value given for flag: -mfr"),
            ("-mfr ON 0", "Bad value for -mfr."),
            ("-mfr MAYBE 50", "Bad value for -mfr."),
            ("-v LOUD", "Bad value for -verbose."),
            ("-close NOW", "Bad value for -close."),
            ("-sound LOUD", "Bad value for -sound."),
            (
                "-i 0",
                "Bad value for -increment. Must be between 1 and 100, inclusive.",
            ),
            (
                "-i 101",
                "Bad value for -increment. Must be between 1 and 100, inclusive.",
            ),
            (
                "-renderSettings",
                "no value given for flag: -renderSettings",
            ),
            ("-s ten", "Bad value for -s."),
            ("-e 99999999999", "Bad value for -e."),
        ] {
            let failure = read(line).unwrap_err();
            assert_eq!(failure.text, format!("aerender SYNTAX ERROR: {text}"));
            assert_eq!(failure.class, Class::Syntax, "{line}");
        }
    }
}
