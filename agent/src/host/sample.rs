//! Answers for: the inventory of a session, and samples of the machine's health. What the system does not tell is 0.

use std::path::Path;

use flatrender_protocol::message::{Inventory, Sample};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::disk::free_bytes;

const MIB: u64 = 1 << 20;

/// What this machine is. `renderers` are the version lines of the renderers found; `can_assemble` is
/// [`film::available`](crate::film::available).
pub fn inventory(slots: u32, renderers: Vec<String>, can_assemble: bool) -> Inventory {
    let memory = System::new().map_or(0, |mut system| {
        system.refresh_memory();
        system.total_memory()
    });
    Inventory {
        hostname: System::host_name().unwrap_or_default(),
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_mib: memory / MIB,
        slots,
        renderers,
        can_assemble,
        can_prepare: false,
    }
}

/// Takes samples. Processor use is that of the time between one and the next.
#[derive(Debug, Default)]
pub struct Sampler {
    system: Option<System>,
}

impl Sampler {
    /// The first sample's processor use counts from here.
    pub fn new() -> Self {
        let system = System::new().map(|mut system| {
            system.refresh_cpu_usage();
            system
        });
        Self {
            system: system.ok(),
        }
    }

    /// A sample: `busy` attempts run, `spooled` frames wait in `spool_dir`. Of processes, only `renderer_pids` are looked at;
    /// those that are gone don't count.
    pub fn sample(
        &mut self,
        spool_dir: &Path,
        busy: u32,
        spooled: u32,
        renderer_pids: &[u32],
    ) -> Sample {
        let mut sample = Sample {
            cpu_percent: 0.0,
            memory_used_mib: 0,
            disk_free_mib: free_bytes(spool_dir).unwrap_or(0) / MIB,
            slots_busy: busy,
            renderers: 0,
            renderers_memory_mib: 0,
            spooled,
        };
        let Some(system) = &mut self.system else {
            return sample;
        };
        system.refresh_cpu_usage();
        system.refresh_memory();
        sample.cpu_percent = system.global_cpu_usage().clamp(0.0, 100.0);
        sample.memory_used_mib = system.used_memory() / MIB;
        (sample.renderers, sample.renderers_memory_mib) = renderers(system, renderer_pids);
        sample
    }
}

/// How many of the processes are there, and their memory in MiB.
fn renderers(system: &mut System, pids: &[u32]) -> (u32, u64) {
    if pids.is_empty() {
        return (0, 0);
    }
    let pids: Vec<Pid> = pids.iter().copied().map(Pid::from_u32).collect();
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, what);
    let found = pids.iter().filter_map(|pid| system.process(*pid));
    let (count, bytes) = found.fold((0, 0), |(count, bytes), process| {
        (count + 1, bytes + process.memory())
    });
    (count, bytes / MIB)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a point in time to start from")]

    use super::*;

    #[test]
    fn the_inventory_is_of_this_machine() {
        let inventory = inventory(2, vec!["25.2x26".into()], true);
        assert!(inventory.cores >= 1);
        assert!(inventory.memory_mib > 64, "{} MiB", inventory.memory_mib);
        assert!(!inventory.os.is_empty());
        assert_eq!((inventory.slots, inventory.can_assemble), (2, true));
        assert_eq!(inventory.renderers, ["25.2x26"]);
    }

    #[test]
    fn a_sample_counts_the_renderers_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut sampler = Sampler::new();
        let idle = sampler.sample(dir.path(), 1, 7, &[]);
        assert_eq!(
            (
                idle.slots_busy,
                idle.spooled,
                idle.renderers,
                idle.renderers_memory_mib
            ),
            (1, 7, 0, 0)
        );
        assert!((0.0..=100.0).contains(&idle.cpu_percent));
        assert!(idle.memory_used_mib > 0 && idle.disk_free_mib > 0);
        let us = std::process::id();
        let gone = u32::MAX - 1;
        let busy = sampler.sample(dir.path(), 1, 7, &[us, gone]);
        assert_eq!(busy.renderers, 1);
        assert!(busy.renderers_memory_mib > 0);
        assert_eq!(sampler.sample(dir.path(), 0, 0, &[]).renderers, 0);
    }

    #[test]
    fn free_space_of_nowhere_is_an_error_and_no_number() {
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_err());
    }

    /// `cargo test --release -p flatrender-agent --lib -- --ignored --nocapture cost`
    #[test]
    #[ignore = "a measurement, for release builds"]
    fn cost_of_a_sample() {
        let mut sampler = Sampler::new();
        let start = std::time::Instant::now();
        for _ in 0..500 {
            sampler.sample(Path::new("."), 0, 0, &[]);
        }
        println!("{:?} a sample", start.elapsed() / 500);
    }
}
