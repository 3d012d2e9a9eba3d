//! An allocator that counts for each thread: how many bytes it holds now, and how many it held at most since the last mark.
//! Threads beside the one that is measured don't count.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
pub struct Counted;

thread_local! {
    // bytes may be freed by another thread than took them: below zero is no error
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn grown(bytes: usize) {
    let now = NOW.get().wrapping_add_unsigned(bytes);
    NOW.set(now);
    if now > PEAK.get() {
        PEAK.set(now);
    }
}

fn shrunk(bytes: usize) {
    NOW.set(NOW.get().wrapping_sub_unsigned(bytes));
}

// SAFETY: every call goes to the system's allocator with the arguments it came with; the counters touch no memory of it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrunk(layout.size());
        // SAFETY: the pointer came from this allocator, thus from the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // while it moves, both are there: the worst case is counted
        grown(size);
        // SAFETY: the pointer came from this allocator, thus from the system's.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        shrunk(layout.size());
        moved
    }
}

/// Forgets the peak of this thread; gives what it holds now.
pub fn mark() -> isize {
    let now = NOW.get();
    PEAK.set(now);
    now
}

/// The most bytes this thread held since `mark`, above what it held then.
pub fn peak_since(mark: isize) -> usize {
    usize::try_from(PEAK.get().wrapping_sub(mark)).unwrap_or(0)
}
