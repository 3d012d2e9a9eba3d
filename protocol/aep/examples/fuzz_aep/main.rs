//! Reads changed projects until something breaks: `fuzz_aep --executions N [--from K] [--seed S] [--seconds T] [--samples DIR]
//! [--findings DIR]`.
//!
//! Every execution has a number; stream `--seed` and number give the same file whenever they are made again, so a long run is
//! a row of short ones: go on with `--from` where the last one ended. An execution is a finding if it panics, takes more memory
//! than 64 bytes for each byte of the file and a constant, or more than five seconds. Files that are findings are written
//! to `--findings`. It reads on a thread with a small stack, so that recursion without bound ends the process; the progress
//! on stderr says from where to go on looking.

#![expect(
    clippy::disallowed_methods,
    reason = "a fuzzer bounds the time of each execution"
)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for people"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flatrender_aep::check::{Presence, Question, check};
use flatrender_aep::{Index, inspect_json, parse};

mod corpus;
mod memory;
mod mutate;
mod run;
mod tree;

use run::{Bounds, Finding, Tally};

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

/// A quarter of what a thread usually has.
const STACK: usize = 512 << 10;

/// One in how many executions also asks all questions of the project.
const ALL_QUESTIONS_ONE_IN: u64 = 8;

/// Most layers walked for one composition's answer here.
const MOST_WALKED: usize = 20_000;

struct Options {
    executions: u64,
    from: u64,
    seed: u64,
    time: Duration,
    samples: Option<PathBuf>,
    findings: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!(
            "error: failed to read the command line; usage: fuzz --executions N [--from K] [--seed S] [--seconds T] \
             [--samples DIR] [--findings DIR]"
        );
        return ExitCode::from(2);
    };
    let reader = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || fuzz(&options));
    match reader.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(0))) => ExitCode::SUCCESS,
        Ok(Ok(Ok(findings))) => {
            eprintln!("error: {findings} findings");
            ExitCode::FAILURE
        }
        Ok(Ok(Err(error))) | Err(error) => {
            eprintln!("error: failed to fuzz: {error}");
            ExitCode::FAILURE
        }
        Ok(Err(_)) => ExitCode::FAILURE,
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        executions: 0,
        from: 0,
        seed: 1,
        time: Duration::MAX,
        samples: std::env::var_os("FLATRENDER_SAMPLES").map(|root| PathBuf::from(root).join("aep")),
        findings: None,
    };
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--executions" => options.executions = value.parse().ok()?,
            "--from" => options.from = value.parse().ok()?,
            "--seed" => options.seed = value.parse().ok()?,
            "--seconds" => options.time = Duration::from_secs(value.parse().ok()?),
            "--samples" => options.samples = Some(value.into()),
            "--findings" => options.findings = Some(value.into()),
            _ => return None,
        }
    }
    (options.executions > 0).then_some(options)
}

/// Runs, and gives the number of findings.
fn fuzz(options: &Options) -> std::io::Result<u64> {
    let corpus = corpus::gather(options.samples.as_deref())?;
    println!(
        "seeds: {} samples up to {} bytes, {} larger ones, {} from the writer",
        corpus.small.len(),
        corpus::LARGE,
        corpus.large.len(),
        corpus.written.len(),
    );
    // a panic is a finding of its own and needs no second text
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let mut findings = 0;
    let mut found = |finding: Finding| {
        findings += 1;
        println!(
            "finding: number {} of {}: {:?}",
            finding.number, finding.seed, finding.wrong
        );
        if let Some(folder) = &options.findings {
            let path = folder.join(format!("{}-{}", options.seed, finding.number));
            if let Err(error) = std::fs::write(&path, &finding.file) {
                eprintln!("warning: {} is not written: {error}", path.display());
            }
        }
        findings < 20
    };
    let mut seen = |number: u64, tally: &Tally| {
        if number & 0xf_ffff == 0xf_ffff {
            eprintln!("{:.0} s: {}", began.elapsed().as_secs_f64(), line(tally));
        }
        began.elapsed() < options.time
    };
    let numbers = options.from..options.from.saturating_add(options.executions);
    let tally = run::run(
        &corpus,
        options.seed,
        numbers,
        Bounds::default(),
        &exercise,
        &mut found,
        &mut seen,
    );
    println!(
        "stream {}, numbers {} to {}: {}; {} findings; {:.0} s",
        options.seed,
        options.from,
        options.from + tally.executions.max(1) - 1,
        line(&tally),
        findings,
        began.elapsed().as_secs_f64(),
    );
    Ok(findings)
}

fn line(tally: &Tally) -> String {
    let [rifx, xml, zip] = tally.ratio;
    format!(
        "{} executions ({} over samples), {} bytes on the mean, {} gave a project; peak memory at most {} bytes, for a byte of \
         the file {rifx:.1} (chunks), {xml:.1} (XML), {zip:.1} (archives); slowest {:.1} ms",
        tally.executions,
        tally.of_samples,
        tally.bytes / tally.executions.max(1),
        tally.read,
        tally.peak,
        tally.slowest.as_secs_f64() * 1e3,
    )
}

/// Reads a file and asks what callers ask. True if a project was there.
fn exercise(file: &[u8], number: u64) -> bool {
    let Ok(project) = parse(file) else {
        return false;
    };
    for comp in &project.comps {
        let area = comp.work_area_frames();
        assert!(comp.rate.den > 0 && comp.pixel_aspect.den > 0, "a fraction");
        assert!(
            area.start <= area.end && area.end <= comp.frames,
            "a work area"
        );
        let _ = project.first_display_frame(comp);
    }
    if number.is_multiple_of(ALL_QUESTIONS_ONE_IN) {
        let index = Index::new(&project);
        for comp in project.comps.iter().take(3) {
            let _ = index.needs(comp, MOST_WALKED);
        }
        serde_json::to_writer(std::io::sink(), &inspect_json(&project)).expect("plain data");
        let question = Question {
            comp: project
                .comps
                .first()
                .filter(|_| number.is_multiple_of(2 * ALL_QUESTIONS_ONE_IN)),
            ae_version: Some((24, 0)),
            files: &|file| {
                let _ = file.beside_project();
                Presence::Missing
            },
            fonts: None,
        };
        let _ = check(&project, &question);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use run::Wrong;

    /// The findings of a short run of a target on the written seeds.
    fn findings(bounds: Bounds, target: &dyn Fn(&[u8], u64) -> bool) -> Vec<Wrong> {
        let corpus = corpus::gather(None).expect("no folder is read");
        let mut found = Vec::new();
        let mut keep = |finding: Finding| {
            found.push(finding.wrong);
            found.len() < 3
        };
        run::run(
            &corpus,
            7,
            0..4000,
            bounds,
            target,
            &mut keep,
            &mut |_, _| true,
        );
        found
    }

    #[test]
    fn the_reader_has_no_finding() {
        assert_eq!(findings(Bounds::default(), &exercise), []);
    }

    #[test]
    fn a_planted_panic_is_found() {
        let planted = |file: &[u8], _| {
            // only a changed file has two items with one id: the fault lies behind the reader
            let odd = parse(file).is_ok_and(|project| {
                let twins = |warning: &String| warning.starts_with("two items have the id");
                project.warnings.iter().any(twins)
            });
            assert!(!odd, "planted");
            true
        };
        let found = findings(Bounds::default(), &planted);
        assert_eq!(found[0], Wrong::Panic("planted".to_owned()));
    }

    #[test]
    fn planted_memory_is_found() {
        let planted = |file: &[u8], number| {
            if number == 99 {
                std::hint::black_box(vec![1u8; 64 * file.len() + (4 << 20)]);
            }
            true
        };
        let found = findings(Bounds::default(), &planted);
        assert!(
            matches!(found[..], [Wrong::Memory { peak, allowed }] if peak > allowed),
            "{found:?}"
        );
    }

    #[test]
    fn what_takes_too_long_is_found() {
        let bounds = Bounds {
            time: Duration::ZERO,
            ..Bounds::default()
        };
        assert!(matches!(findings(bounds, &exercise)[0], Wrong::Slow(_)));
    }

    #[test]
    fn an_execution_is_the_same_when_it_is_made_again() {
        let corpus = corpus::gather(None).expect("no folder is read");
        let file_of = |from| {
            let kept = std::cell::RefCell::new(Vec::new());
            let target = |file: &[u8], number| {
                if number == 500 {
                    kept.replace(file.to_vec());
                }
                true
            };
            run::run(
                &corpus,
                3,
                from..501,
                Bounds::default(),
                &target,
                &mut |_| true,
                &mut |_, _| true,
            );
            kept.into_inner()
        };
        let (first, again) = (file_of(0), file_of(500));
        assert!(!first.is_empty() && first == again);
    }
}
