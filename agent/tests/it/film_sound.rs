//! The sound of films: levels, length, position, and files that are none.

use std::path::{Path, PathBuf};

use flatrender_agent::film::{FilmError, Track, probe_sound};
use flatrender_protocol::message::TrackKind;

use crate::film::{ffmpeg_is_here, in_words, made, moving, printed, probed, work};

/// A 16-bit WAV file of `channels` equal channels.
fn wav(path: &Path, rate: u32, channels: u16, samples: impl IntoIterator<Item = f64>) -> PathBuf {
    let data: Vec<u8> = samples
        .into_iter()
        .flat_map(|sample| {
            ((sample * 32767.0).round() as i16)
                .to_le_bytes()
                .repeat(usize::from(channels))
        })
        .collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    std::fs::write(path, file).unwrap();
    path.to_owned()
}

fn sine(rate: u32, seconds: f64, hertz: f64, amplitude: f64) -> impl Iterator<Item = f64> {
    (0..(f64::from(rate) * seconds) as u32).map(move |at| {
        amplitude * (std::f64::consts::TAU * hertz * f64::from(at) / f64::from(rate)).sin()
    })
}

fn track(kind: TrackKind, path: PathBuf, volume_percent: u16) -> Track {
    Track {
        kind,
        path,
        volume_percent,
    }
}

/// The left channel of a film's sound.
fn left(film: &Path) -> Vec<f64> {
    let film = film.to_str().unwrap();
    let bytes = printed(
        "ffmpeg",
        [
            "-v", "error", "-i", film, "-map", "0:a:0", "-f", "f32le", "-",
        ],
    );
    let (frames, _) = bytes.as_chunks::<8>();
    frames
        .iter()
        .map(|frame| f64::from(f32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]])))
        .collect()
}

/// Amplitude of one frequency in 48 kHz samples (Goertzel).
fn amplitude(samples: &[f64], hertz: f64) -> f64 {
    let step = 2.0 * (std::f64::consts::TAU * hertz / 48_000.0).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, sample + step * last - before);
    }
    let power = before * before + last * last - step * before * last;
    2.0 * power.sqrt() / samples.len() as f64
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

#[tokio::test]
async fn every_track_is_as_loud_as_its_volume_says() {
    if !ffmpeg_is_here("every_track_is_as_loud_as_its_volume_says") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let film = at("film.mp4");
    // Another rate, and a mono track, which must not lose 3 dB.
    let tracks = [
        track(
            TrackKind::Music,
            wav(&at("music.wav"), 44_100, 2, sine(44_100, 3.0, 440.0, 0.2)),
            100,
        ),
        track(
            TrackKind::Sfx,
            wav(&at("sfx.wav"), 48_000, 2, sine(48_000, 3.0, 1000.0, 0.2)),
            35,
        ),
        track(
            TrackKind::Voiceover,
            wav(&at("voice.wav"), 48_000, 1, sine(48_000, 3.0, 3000.0, 0.2)),
            160,
        ),
    ];
    let report = made(
        &work(64, 48, 50, (25, 1)),
        &moving(64, 48, 50),
        &tracks,
        &film,
    )
    .await
    .unwrap();
    assert!(report.sound);
    // The second from 0.5 s on: whole periods of all three.
    let sound = &left(&film)[24_000..72_000];
    for (hertz, volume) in [(440.0, 1.0), (1000.0, 0.35), (3000.0, 1.6)] {
        let off = decibels(amplitude(sound, hertz) / (0.2 * volume));
        assert!(off.abs() < 0.2, "{hertz} Hz is off by {off:.3} dB");
    }
}

#[tokio::test]
async fn a_sum_that_would_clip_is_limited_and_nothing_is_moved() {
    if !ffmpeg_is_here("a_sum_that_would_clip_is_limited_and_nothing_is_moved") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let loud = wav(
        &dir.path().join("loud.wav"),
        48_000,
        2,
        sine(48_000, 2.0, 500.0, 0.9),
    );
    // Silence, and from 1 s on something at once.
    let late = (0..96_000).map(|at| {
        if at < 48_000 {
            0.0
        } else {
            0.5 * f64::from(at % 96 - 48) / 48.0
        }
    });
    let late = wav(&dir.path().join("late.wav"), 48_000, 2, late);
    let tracks = [
        track(TrackKind::Music, loud.clone(), 200),
        track(TrackKind::Sfx, loud, 200),
    ];
    made(
        &work(64, 48, 50, (25, 1)),
        &moving(64, 48, 50),
        &tracks,
        &film,
    )
    .await
    .unwrap();
    let peak = left(&film)[4800..91_200]
        .iter()
        .fold(0.0_f64, |peak, sample| peak.max(sample.abs()));
    assert!((0.9..=1.03).contains(&peak), "{peak}");
    let tracks = [track(TrackKind::Voiceover, late, 101)];
    made(
        &work(64, 48, 50, (25, 1)),
        &moving(64, 48, 50),
        &tracks,
        &film,
    )
    .await
    .unwrap();
    let onset = left(&film)
        .iter()
        .position(|sample| sample.abs() > 0.2)
        .unwrap();
    assert!(onset.abs_diff(48_000) < 96, "it begins at sample {onset}");
}

#[tokio::test]
async fn sound_is_as_long_as_the_picture_whatever_the_tracks_are() {
    if !ffmpeg_is_here("sound_is_as_long_as_the_picture_whatever_the_tracks_are") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let short = wav(
        &dir.path().join("short.wav"),
        22_050,
        1,
        sine(22_050, 0.3, 300.0, 0.3),
    );
    let long = wav(
        &dir.path().join("long.wav"),
        48_000,
        2,
        sine(48_000, 9.0, 700.0, 0.3),
    );
    let compressed = dir.path().join("long.mp3");
    printed(
        "ffmpeg",
        [
            "-v",
            "error",
            "-i",
            long.to_str().unwrap(),
            compressed.to_str().unwrap(),
        ],
    );
    for (name, path) in [("short", short), ("long", long), ("compressed", compressed)] {
        let tracks = [track(TrackKind::Music, path, 100)];
        made(
            &work(64, 48, 36, (30_000, 1001)),
            &moving(64, 48, 36),
            &tracks,
            &film,
        )
        .await
        .unwrap();
        // 36 × 1001 ÷ 30000 s.
        let samples = left(&film).len();
        assert!(samples.abs_diff(57_658) <= 1024, "{name}: {samples}");
        let wanted = [
            "-select_streams",
            "a",
            "-show_entries",
            "stream=codec_name,sample_rate,channels",
        ];
        assert_eq!(
            probed(&film, &wanted),
            ["codec_name=aac", "sample_rate=48000", "channels=2"]
        );
    }
}

#[tokio::test]
async fn what_is_no_sound_is_refused_in_words() {
    if !ffmpeg_is_here("what_is_no_sound_is_refused_in_words") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = wav(
        &dir.path().join("good.wav"),
        48_000,
        2,
        sine(48_000, 1.0, 500.0, 0.5),
    );
    let noise: Vec<u8> = (0..4000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        good.display()
    );
    let list = "ffconcat version 1.0\nfile good.wav\n";
    let head = std::fs::read(&good).unwrap();
    let broken = [
        file("empty.wav", b""),
        file("noise.mp3", &noise),
        file("words.wav", b"this is a text"),
        file("playlist.wav", playlist.as_bytes()),
        file("list.wav", list.as_bytes()),
        file("head.wav", &head[..44]),
    ];
    for path in broken {
        let film = dir.path().join("film.mp4");
        let tracks = [
            track(TrackKind::Music, good.clone(), 100),
            track(TrackKind::Voiceover, path.clone(), 100),
        ];
        let error = made(
            &work(64, 48, 5, (25, 1)),
            &moving(64, 48, 5),
            &tracks,
            &film,
        )
        .await
        .unwrap_err();
        assert!(
            matches!(error, FilmError::Sound { .. }),
            "{path:?}: {error}"
        );
        let words = in_words(error);
        assert!(
            words.starts_with("the voiceover can't be used: "),
            "{words}"
        );
        assert!(!words.contains(dir.path().to_str().unwrap()), "{words}");
        assert!(!film.exists());
    }
    let sound = probe_sound(&good, "music").await.unwrap();
    assert_eq!(
        (sound.codec.as_str(), sound.channels, sound.rate),
        ("pcm_s16le", 2, 48_000)
    );
    assert_eq!(sound.seconds, Some(1.0));
}
