//! The command line, as clap reads it. Words here are help texts; what commands do is elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use flatrender_protocol::message::PictureFormat;

use crate::collect::Mapping;
use crate::render::{Medium, Sound};

/// The farm's command line.
#[derive(Debug, Parser)]
#[command(name = "flatctl", version, about, propagate_version = true)]
pub struct Cli {
    /// Taken by every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Taken by every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The farm: https://HOST:PORT, or http://127.0.0.1:PORT
    #[arg(long, global = true, env = "FLATRENDER_SERVER", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:7480", hide_env_values = true)]
    pub server: String,
    /// The admin token; other users of this machine can see it here, so prefer FLATRENDER_TOKEN or --token-file
    #[arg(long, global = true, env = "FLATRENDER_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A file that holds the admin token
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Send the token over plain http to another machine
    #[arg(long, global = true)]
    pub insecure_http: bool,
    /// One JSON document for one answer, one object a line for what streams
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Say nothing but data and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Render a composition of a project to a film
    Render(Box<Render>),
    /// Render jobs
    #[command(subcommand)]
    Job(Job),
    /// Nodes: the machines that render
    #[command(subcommand)]
    Node(Node),
    /// After Effects projects on this machine
    #[command(subcommand)]
    Aep(Aep),
    /// Packages: a project with its footage and fonts in one zip
    #[command(subcommand)]
    Package(Package),
    /// Show one frame of a composition as a picture
    Snapshot(Box<Snapshot>),
    /// Fetch the film of a finished job
    Download(Download),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// The project (.aep, .aepx, .aet, .mogrt), a package (.zip), or a folder with one project; footage is packed with it
    pub file: PathBuf,
    /// The composition, by name
    #[arg(long, value_name = "NAME")]
    pub comp: String,
    /// What is set in the project first: a values document; files it names are looked for beside it
    #[arg(long, value_name = "FILE", conflicts_with = "nexrender")]
    pub values: Option<PathBuf>,
    /// The same as the assets of a nexrender job
    #[arg(long, value_name = "FILE")]
    pub nexrender: Option<PathBuf>,
    /// Where a file is that the values name
    #[arg(long, value_name = "NAME=FILE")]
    pub media: Vec<Medium>,
    /// Render all the same when some of the values can't be set
    #[arg(long)]
    pub allow_missing: bool,
    /// Leave the composition's own sound out
    #[arg(long)]
    pub no_own_sound: bool,
    /// Lease all frames at once, before the first one is known to be right
    #[arg(long)]
    pub no_canary: bool,
    /// Take frames whose renderer warned of a missing font, effect or footage, without holding the job back
    #[arg(long)]
    pub accept_suspect: bool,
    /// Display frames, such as 0-99, 0-99:2 or 5,9,40-50; default: the work area
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    pub frames: Option<String>,
    /// What the job is called
    #[arg(long)]
    pub name: Option<String>,
    /// 0 to 100, higher first
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=100))]
    pub priority: Option<i32>,
    /// Music, with its volume in percent
    #[arg(long, value_name = "FILE[@0-200%]")]
    pub music: Option<Sound>,
    /// Sound effects
    #[arg(long, value_name = "FILE[@0-200%]")]
    pub sfx: Option<Sound>,
    /// A voice
    #[arg(long, value_name = "FILE[@0-200%]")]
    pub voiceover: Option<Sound>,
    /// Wait for the film and write it here, over what is there
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Follow the job to its end
    #[arg(long)]
    pub watch: bool,
    /// How long the farm may be away.
    #[command(flatten)]
    pub patience: Patience,
}

/// How long a watch bears silence.
#[derive(Debug, Clone, Copy, Args)]
pub struct Patience {
    /// While watching: how long the farm may be away before we give up, such as 90s or 5m
    #[arg(long, default_value = "60s", value_parser = parse_duration, value_name = "TIME")]
    pub patience: Duration,
}

/// `job …`.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// List jobs, newest first
    Ls {
        /// Only jobs of this name, id or last eight characters of the id
        #[arg(long = "match", value_name = "TEXT")]
        matching: Option<String>,
        /// Most rows
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one job
    Show {
        /// Its name, id or last eight characters of the id
        job: String,
    },
    /// Follow a job to its end
    Watch {
        /// Its name, id or last eight characters of the id
        job: String,
        /// How long the farm may be away.
        #[command(flatten)]
        patience: Patience,
    },
    /// Cancel a job
    Cancel {
        /// Its name, id or last eight characters of the id
        job: String,
    },
    /// Take doubted frames of a job that is held as they are
    Accept {
        /// Its name, id or last eight characters of the id
        job: String,
        /// Display frames, such as 5,9,40-50; default: all that are doubted
        #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
        frames: Option<String>,
    },
    /// Render frames of a job again, on another node where there is one; a finished film is made anew
    Repair {
        /// Its name, id or last eight characters of the id
        job: String,
        /// Display frames, such as 5,9,40-50
        #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
        frames: String,
    },
    /// Show a frame of a running or finished job as a picture
    Frame(JobFrame),
}

/// `job frame`.
#[derive(Debug, Args)]
pub struct JobFrame {
    /// The job's name, id or last eight characters of the id
    pub job: String,
    /// The display frame; default: the one that was published last
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub frame: Option<i64>,
    /// How wide, in pixels; never wider than the frame
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub width: Option<u32>,
    /// Where to write the JPEG, over what is there
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// `snapshot`.
#[derive(Debug, Args)]
pub struct Snapshot {
    /// The project: .aep, .aepx, .aet or .mogrt
    pub file: PathBuf,
    /// The composition, by name
    #[arg(long, value_name = "NAME")]
    pub comp: String,
    /// The display frame
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub frame: i64,
    /// How large, in pixels: 640x360, or 640x or x360 for the other side to follow; default: as the composition
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<PictureSize>,
    /// Default: what the file's name says, else png
    #[arg(long, value_parser = parse_format, value_name = "png|jpeg")]
    pub format: Option<PictureFormat>,
    /// Only this version of the renderer, as flatctl node show has it
    #[arg(long, value_name = "VERSION")]
    pub renderer: Option<String>,
    /// How long to wait for it, such as 90s or 5m
    #[arg(long, default_value = "10m", value_parser = parse_duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Where to write it, over what is there
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// Sides in pixels; what is missing follows from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Width.
    pub width: Option<u32>,
    /// Height.
    pub height: Option<u32>,
}

/// `640x360`, `640x`, `x360`.
fn parse_size(text: &str) -> Result<PictureSize, String> {
    let wrong = || format!("\"{text}\" is not a size; write for example 640x360, 640x or x360");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| match text {
        "" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| wrong()),
    };
    let size = PictureSize {
        width: side(width)?,
        height: side(height)?,
    };
    if size.width.is_none() && size.height.is_none() {
        return Err(wrong());
    }
    Ok(size)
}

fn parse_format(text: &str) -> Result<PictureFormat, String> {
    match text {
        "png" => Ok(PictureFormat::Png),
        "jpeg" | "jpg" => Ok(PictureFormat::Jpeg),
        _ => Err(format!("\"{text}\" is neither png nor jpeg")),
    }
}

/// `download`.
#[derive(Debug, Args)]
pub struct Download {
    /// The job's name, id or last eight characters of the id
    pub job: String,
    /// Where to write it, over what is there
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// `node …`.
#[derive(Debug, Subcommand)]
pub enum Node {
    /// List nodes
    Ls {
        /// Only nodes of this name, id or last eight characters of the id
        #[arg(long = "match", value_name = "TEXT")]
        matching: Option<String>,
        /// Most rows
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one node
    Show {
        /// Its name, id or last eight characters of the id
        node: String,
    },
    /// Join tokens: what a new node enrols with
    #[command(subcommand)]
    Token(Token),
}

/// `node token …`.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a join token; it is shown once
    Create {
        /// How long it works, such as 90s, 30m, 1h or 7d
        #[arg(long, default_value = "1h", value_parser = parse_duration, value_name = "TIME")]
        valid: Duration,
    },
}

/// `aep …`.
#[derive(Debug, Subcommand)]
pub enum Aep {
    /// Show what is in a project, without After Effects
    Inspect {
        /// The project: .aep, .aepx, .aet or .mogrt
        file: PathBuf,
    },
    /// Say what a farm would stumble over in a project; exit 1 if something does not render
    Check(AepCheck),
}

/// `aep check`.
#[derive(Debug, Args)]
pub struct AepCheck {
    /// The project: .aep, .aepx, .aet or .mogrt
    pub file: PathBuf,
    /// Only this composition and what it reaches
    #[arg(long, value_name = "NAME")]
    pub comp: Option<String>,
    /// The After Effects that is to render it, such as 24 or 24.2
    #[arg(long, value_name = "MAJOR[.MINOR]", value_parser = parse_release)]
    pub ae_version: Option<(u32, u32)>,
    /// A folder with font files; without it, (Fonts) or Fonts beside the project
    #[arg(long, value_name = "DIR")]
    pub fonts: Vec<PathBuf>,
    /// A folder that footage may lie in, beside the project's own
    #[arg(long, value_name = "DIR")]
    pub root: Vec<PathBuf>,
}

/// `24` or `24.2`; without a minor release, any of that major one.
fn parse_release(text: &str) -> Result<(u32, u32), String> {
    let wrong = |_| format!("\"{text}\" is not a release; write for example 24 or 24.2");
    match text.split_once('.') {
        Some((major, minor)) => Ok((major.parse().map_err(wrong)?, minor.parse().map_err(wrong)?)),
        None => Ok((text.parse().map_err(wrong)?, u32::MAX)),
    }
}

/// `package …`.
#[derive(Debug, Clone, Subcommand)]
pub enum Package {
    /// Collect a project's footage and fonts, and write them with it into one zip
    Make(Box<PackageMake>),
    /// Judge a package as the farm would: names, sizes, content
    Check(PackageFile),
    /// List the files of a package
    Ls(PackageFile),
}

/// `package make`.
#[derive(Debug, Clone, Args)]
pub struct PackageMake {
    /// The project: .aep, .aepx or .aet
    pub file: PathBuf,
    /// Where to write it, over what is there; default: beside the project, with .zip at its end
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only what this composition shows and sounds; may be given more than once; default: what any composition does
    #[arg(long, value_name = "NAME")]
    pub comp: Vec<String>,
    /// All files of the project, also those that no composition shows
    #[arg(long, conflicts_with = "comp")]
    pub all: bool,
    /// Look for fonts here too; may be given more than once
    #[arg(long, value_name = "FOLDER")]
    pub fonts: Vec<PathBuf>,
    /// Look for footage below FROM in TO, such as 'D:\jobs=/mnt/jobs'; may be given more than once
    #[arg(long, value_name = "FROM=TO")]
    pub map: Vec<Mapping>,
    /// Write the package without the footage that is not found
    #[arg(long)]
    pub allow_missing: bool,
}

/// `package check`, `package ls`.
#[derive(Debug, Clone, Args)]
pub struct PackageFile {
    /// The package: a .zip
    pub file: PathBuf,
    /// The project by its name in the package, if there are several
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
}

/// `90s`, `30m`, `1h`, `7d`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a time; write for example 90s, 30m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let total = number
        .checked_mul(seconds)
        .filter(|total| *total <= 366 * 86_400);
    total
        .map(Duration::from_secs)
        .ok_or_else(|| format!("\"{text}\" is more than a year"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_size_has_one_side_or_two() {
        let size = |width, height| Ok(PictureSize { width, height });
        assert_eq!(parse_size("640x360"), size(Some(640), Some(360)));
        assert_eq!(parse_size("640x"), size(Some(640), None));
        assert_eq!(parse_size("x360"), size(None, Some(360)));
        for wrong in ["", "x", "640", "640*360", "-1x2", "1x2x3", "1.5x2"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in [
            "",
            "5",
            "h",
            "-1h",
            "1w",
            "99999999999999999999s",
            "5é",
            "1000d",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
