//! What the driver asks of the system about processes: end with the parent, wait without reaping, signal, and whether a
//! process id still means a server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// Asks the system to send `signal` to the child when the thread that spawns it ends, however it ends. Only Linux can;
/// elsewhere a server that outlives its controller is taken over at the next start.
pub(super) fn die_with_parent(command: &mut Command, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let parent = nix::unistd::getpid();
        let hook = move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            if nix::unistd::getppid() == parent {
                Ok(())
            } else {
                Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)) // the parent died before the line above
            }
        };
        // SAFETY: the hook runs between fork and exec and makes two system calls that are safe there; it allocates nothing.
        unsafe { command.pre_exec(hook) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (
        command,
        signal,
        CommandExt::process_group as fn(&mut Command, i32) -> &mut Command,
    );
}

/// Puts the child into a process group of its own, so that a terminal's Ctrl-C reaches the controller alone.
pub(super) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Blocks until the child has ended and leaves it for its owner to reap, so that its id can't be given away meanwhile.
#[cfg(target_os = "linux")]
pub(super) fn wait_unreaped(child: &mut std::process::Child) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let Ok(pid) = i32::try_from(child.id()) else {
        return;
    };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(nix::errno::Errno::EINTR) {}
}

/// Elsewhere there is no such wait: this returns after a moment and the caller asks again.
#[cfg(not(target_os = "linux"))]
pub(super) fn wait_unreaped(_child: &mut std::process::Child) {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// Sends a signal; a process that is gone is no error.
pub(super) fn send(pid: i32, signal: Signal) {
    if let Err(errno) = nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        tracing::debug!(pid, %signal, %errno, "the database server could not be signalled");
    }
}

/// Whether it is certain that `pid` is no running server: a dead process that nobody has reaped, or an id that went to
/// another program. Where the system can't tell, the answer is no.
#[cfg(target_os = "linux")]
pub(super) fn is_surely_no_server(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    if matches!(state, Some('Z' | 'X')) {
        return true;
    }
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    exe.and_then(|path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    })
    .is_some_and(|name| !name.starts_with("postgres") && !name.starts_with("postmaster"))
}

/// Elsewhere nothing is certain.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_surely_no_server(_pid: i32) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "a process to look at")]
mod tests {
    use super::*;

    #[test]
    fn another_program_and_an_unreaped_child_are_surely_no_server() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(is_surely_no_server(own), "this test is no server");
        let mut child = Command::new("true").spawn().unwrap();
        wait_unreaped(&mut child);
        assert!(
            is_surely_no_server(i32::try_from(child.id()).unwrap()),
            "it is a zombie"
        );
        assert!(child.wait().unwrap().success(), "it was left to be reaped");
    }
}
