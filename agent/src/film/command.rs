//! Answers for: the exact arguments of ffmpeg and ffprobe, and nothing else. Pure; no argument is ever parsed by a shell.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use super::compose::cells;
use super::plan::{Plan, SOUND_RATE};

/// Containers and streams that sound is read from. What can name other files (playlists, lists of files) is not among them.
const SOUND_FORMATS: &str = "wav,w64,aiff,caf,au,flac,mp3,ogg,aac,ac3,mov,mp4,m4a,matroska,webm";

/// One sound track as the mixer gets it.
pub(super) struct Input<'a> {
    pub path: &'a Path,
    pub channels: u32,
    pub volume_percent: u16,
}

fn words(text: &str) -> Vec<OsString> {
    text.split_ascii_whitespace().map(OsString::from).collect()
}

/// A file can't be taken for an option or a protocol.
fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Raw frames on standard input and sound tracks become the film `out`.
pub(super) fn encode(plan: &Plan, tracks: &[Input<'_>], out: &Path) -> Vec<OsString> {
    let (width, height) = plan.size();
    let mut args = words(&format!(
        "-hide_banner -nostats -loglevel warning -y -protocol_whitelist file,pipe -f rawvideo -pixel_format rgb24 \
         -video_size {width}x{height} -framerate {} -i pipe:0",
        plan.rate
    ));
    for track in tracks {
        args.extend(sound_input());
        args.push(file(track.path));
    }
    args.extend(words("-filter_complex"));
    args.push(filters(plan, tracks).into());
    args.extend(words("-map [picture]"));
    if !tracks.is_empty() {
        args.extend(words("-map [sound] -c:a aac -b:a 192k"));
    }
    args.extend(words(&format!(
        "-map_metadata -1 -map_chapters -1 -c:v libx264 -preset fast -crf 18 -profile:v high -g {} \
         -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
         -fps_mode passthrough -video_track_timescale {} -movflags +faststart -f mp4",
        plan.keyframes, plan.timescale
    )));
    args.push(file(out));
    args
}

/// What stands before a sound file: where it may be and what it may be. No options of people reach this.
fn sound_input() -> Vec<OsString> {
    words(&format!(
        "-protocol_whitelist file -format_whitelist {SOUND_FORMATS} -i"
    ))
}

/// Picture to BT.709 limited range; each track to stereo at its volume and exactly as long as the picture, added up as they
/// are, and limited only where the sum can exceed full scale.
fn filters(plan: &Plan, tracks: &[Input<'_>]) -> String {
    let mut graph = format!(
        "[0:v:0]scale=in_range=full:out_range=limited:out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int+bicubic,\
         format=yuv420p,setsar=sar={}:max=65535[picture]",
        plan.pixel_aspect
    );
    let samples = plan.samples;
    for (index, track) in tracks.iter().enumerate() {
        // A mono track would lose 3 dB on its way to stereo.
        let both_sides = if track.channels == 1 {
            "pan=stereo|c0=c0|c1=c0,"
        } else {
            ""
        };
        let _ = write!(
            graph,
            ";[{}:a:0]aresample={SOUND_RATE},aformat=sample_fmts=fltp,{both_sides}aformat=channel_layouts=stereo,\
             volume=volume={}.{:02}:precision=float,asetpts=N/SR/TB,apad=whole_len={samples},atrim=end_sample={samples}[track{index}]",
            index + 1,
            track.volume_percent / 100,
            track.volume_percent % 100
        );
    }
    if tracks.is_empty() {
        return graph;
    }
    graph.push(';');
    for index in 0..tracks.len() {
        let _ = write!(graph, "[track{index}]");
    }
    let _ = write!(
        graph,
        "amix=inputs={}:normalize=0:duration=longest",
        tracks.len()
    );
    let loudest: u32 = tracks
        .iter()
        .map(|track| u32::from(track.volume_percent))
        .sum();
    if loudest > 100 {
        graph.push_str(",alimiter=level=disabled:limit=0.98:attack=5:release=50:latency=1");
    }
    let _ = write!(graph, ",atrim=end_sample={samples}[sound]");
    graph
}

/// What a film's streams are, as JSON.
pub(super) fn probe_streams(film: &Path) -> Vec<OsString> {
    let mut args =
        words("-hide_banner -loglevel error -protocol_whitelist file -show_streams -of json");
    args.push(file(film));
    args
}

/// Time of every picture of a film, one a line, in ticks.
pub(super) fn probe_times(film: &Path) -> Vec<OsString> {
    let mut args = words(
        "-hide_banner -loglevel error -protocol_whitelist file -select_streams v:0 -show_entries packet=pts -of csv=p=0",
    );
    args.push(file(film));
    args
}

/// A film's pictures, every one decoded, as thumbnails on standard output.
pub(super) fn decode_pictures(film: &Path, size: (u32, u32)) -> Vec<OsString> {
    let (across, down) = cells(size);
    let mut args = words(
        "-hide_banner -nostats -loglevel error -nostdin -xerror -protocol_whitelist file,pipe -i",
    );
    args.push(file(film));
    args.extend(words(&format!(
        "-map 0:v:0 -vf scale={across}:{down}:flags=area+accurate_rnd+full_chroma_inp+full_chroma_int,format=rgb24 \
         -fps_mode passthrough -f rawvideo pipe:1"
    )));
    args
}

/// A film's sound, all of it decoded, as 16-bit stereo on standard output.
pub(super) fn decode_sound(film: &Path) -> Vec<OsString> {
    let mut args = words(
        "-hide_banner -nostats -loglevel error -nostdin -xerror -protocol_whitelist file,pipe -i",
    );
    args.push(file(film));
    args.extend(words("-map 0:a:0 -f s16le pipe:1"));
    args
}

/// What the first sound of a file is, as JSON.
pub(super) fn probe_sound(path: &Path) -> Vec<OsString> {
    let mut args = words("-hide_banner -loglevel error");
    args.extend(sound_input());
    args.push(file(path));
    args.extend(words(
        "-select_streams a:0 -show_entries stream=codec_name,channels,sample_rate,duration -of json",
    ));
    args
}

/// The first seconds of a sound file, decoded, on standard output.
pub(super) fn decode_beginning(path: &Path, seconds: u32) -> Vec<OsString> {
    let mut args = words(&format!(
        "-hide_banner -nostats -loglevel error -nostdin -t {seconds}"
    ));
    args.extend(sound_input());
    args.push(file(path));
    args.extend(words(&format!(
        "-map 0:a:0 -ac 2 -ar {SOUND_RATE} -f s16le -protocol_whitelist pipe pipe:1"
    )));
    args
}
