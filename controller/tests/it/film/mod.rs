//! The film is the judge: real programs (controller with its own PostgreSQL, agents, the stand-in, flatctl), killed for real.
//! The finished film is decoded, every frame's code is read in order, and film, the stand-in's ledger and `render.frames`
//! are compared.
//!
//! One short run of each is an ordinary test; `prove_*` and `bench_*` are the long ones behind `./x prove` and `./x bench`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "seeds and figures are what `./x prove` and `./x bench` show"
)]

mod bench;
mod farm;
mod faults;
mod judge;
mod kills;
mod restart;
mod samples;
mod snapshot;

/// A small generator of pseudo-random numbers for moments and choices: the seed is printed and gives the same run again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number in `0..below`.
    pub fn below(&mut self, below: u64) -> u64 {
        // xorshift64*: Marsaglia 2003, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }
}

/// A number from the environment, for longer runs.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
