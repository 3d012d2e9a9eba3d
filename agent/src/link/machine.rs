//! What the controller is told of the machine: its inventory once a session, a sample of its health now and then.

use std::path::{Path, PathBuf};

use flatrender_protocol::message::{Inventory, Sample};
use sysinfo::{Disks, ProcessRefreshKind, ProcessesToUpdate, System};

const MIB: u64 = 1 << 20;
/// How programs of After Effects and the stand-in are called, in lower case.
const RENDERERS: [&str; 2] = ["aerender", "afterfx"];

/// What this machine is.
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
    }
}

/// Takes samples. Processor use is measured between one and the next. What the system does not tell is 0.
pub(super) struct Sampler {
    system: Option<System>,
    data_dir: PathBuf,
}

impl Sampler {
    pub(super) fn new(data_dir: &Path) -> Self {
        let system = System::new().map(|mut system| {
            system.refresh_cpu_usage();
            system
        });
        Self {
            system: system.ok(),
            data_dir: data_dir.to_owned(),
        }
    }

    pub(super) fn sample(&mut self, slots_busy: u32, spooled: u32) -> Sample {
        let mut sample = Sample {
            cpu_percent: 0.0,
            memory_used_mib: 0,
            disk_free_mib: self.free() / MIB,
            slots_busy,
            renderers: 0,
            renderers_memory_mib: 0,
            spooled,
        };
        let Some(system) = &mut self.system else {
            return sample;
        };
        system.refresh_cpu_usage();
        system.refresh_memory();
        let what = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        sample.cpu_percent = system.global_cpu_usage();
        sample.memory_used_mib = system.used_memory() / MIB;
        let mut memory = 0;
        for process in system.processes().values() {
            let name = process.name().to_string_lossy().to_lowercase();
            if process.thread_kind().is_none()
                && RENDERERS.iter().any(|renderer| name.starts_with(renderer))
            {
                sample.renderers += 1;
                memory += process.memory();
            }
        }
        sample.renderers_memory_mib = memory / MIB;
        sample
    }

    /// Free bytes on the disk of the data folder: the one with the longest mount point above it.
    fn free(&self) -> u64 {
        let folder = self
            .data_dir
            .canonicalize()
            .unwrap_or_else(|_| self.data_dir.clone());
        Disks::new_with_refreshed_list().map_or(0, |disks| {
            disks
                .iter()
                .filter(|disk| folder.starts_with(disk.mount_point()))
                .max_by_key(|disk| disk.mount_point().as_os_str().len())
                .map_or(0, sysinfo::Disk::available_space)
        })
    }
}
