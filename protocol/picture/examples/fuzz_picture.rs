//! Answers for: mutated files of every format: none panics, none decodes to more or fewer samples than its own size says, what is
//! packed comes back to the byte. Prints counts; ends with 1 when a promise is broken. Must not: be part of the product.
//!
//! `cargo run --release -p flatrender-picture --example fuzz_picture [SECONDS] [SEED]`

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flatrender_picture::{FileFormat, Limits, Picture, measure, pack, unpack};

#[path = "../tests/it/files.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the tests use more of it, and make good files only"
)]
mod files;

/// What may be allocated for samples while fuzzing: a file that claims more must be refused before.
const MOST_BYTES: u64 = 4 << 20;

/// A xorshift generator: a run is repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>().ok());
    let seconds = arguments.next().flatten().unwrap_or(10);
    let seed = arguments.next().flatten().unwrap_or(20_261_123);
    let seeds = files::one_of_each();
    let mut dice = Dice(seed.max(1));
    let mut counts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    #[expect(clippy::disallowed_methods, reason = "a fuzzer runs for a time")]
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        let (name, whole) = &seeds[dice.below(seeds.len())];
        let bytes = mutate(whole, &seeds[dice.below(seeds.len())].1, &mut dice);
        match std::panic::catch_unwind(|| promise(&bytes)) {
            Ok(Ok(decoded)) => counts.entry(name).or_default()[usize::from(decoded)] += 1,
            Ok(Err(broken)) => return fail(&broken, name, seed, &bytes),
            Err(_) => return fail("it panicked", name, seed, &bytes),
        }
    }
    let mut out = std::io::stdout();
    for (name, [refused, decoded]) in counts {
        let _ = writeln!(
            out,
            "fuzz {name}: {} files, {refused} refused, {decoded} decoded",
            refused + decoded
        );
    }
    ExitCode::SUCCESS
}

fn fail(broken: &str, name: &str, seed: u64, bytes: &[u8]) -> ExitCode {
    let path = std::env::temp_dir().join("fuzz_picture.bin");
    let kept = std::fs::write(&path, bytes)
        .map_or_else(|error| error.to_string(), |()| path.display().to_string());
    let _ = writeln!(
        std::io::stderr(),
        "broken: {name}, seed {seed}: {broken}; file: {kept}"
    );
    ExitCode::FAILURE
}

/// Whether it decoded; what promise it broke.
fn promise(bytes: &[u8]) -> Result<bool, String> {
    let limits = Limits {
        most_bytes: MOST_BYTES,
        ..Limits::default()
    };
    let Ok(picture) = Picture::decode(bytes, &limits) else {
        return Ok(false);
    };
    let expected = picture.width as usize * picture.height as usize * picture.pixel_bytes();
    if picture.samples.len() != expected || expected as u64 > MOST_BYTES {
        return Err(format!(
            "{} samples' bytes for {expected}",
            picture.samples.len()
        ));
    }
    let measures = measure(&picture);
    if !(0.0..=1.0).contains(&measures.mean_luma) {
        return Err(format!("a mean luma of {}", measures.mean_luma));
    }
    if picture.format == FileFormat::Jpeg && measures.flags.alpha_used {
        return Err("alpha in a JPEG".into());
    }
    if picture.to_rgba8().rgba.len() != picture.width as usize * picture.height as usize * 4 {
        return Err("RGBA of another size".into());
    }
    let packed = pack(bytes, &picture).map_err(|error| error.to_string())?;
    let back = unpack(&packed.bytes, &limits).map_err(|error| error.to_string())?;
    if *back != *bytes {
        return Err("it does not come back from its packing".into());
    }
    Ok(true)
}

fn mutate(whole: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = dice.below(256) as u8,
            2 => bytes.truncate(at),
            3 => bytes
                .splice(at..at, (0..dice.below(9)).map(|byte| byte as u8 * 31))
                .for_each(drop),
            4 => bytes
                .drain(at..(at + dice.below(9)).min(bytes.len()))
                .for_each(drop),
            5 if bytes.len() >= at + 4 => bytes[at..at + 4].copy_from_slice(&[0xFF; 4]),
            _ => {
                let from = dice.below(other.len());
                let length = dice.below(40).min(other.len() - from).min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&other[from..from + length]);
            }
        }
    }
    bytes
}
