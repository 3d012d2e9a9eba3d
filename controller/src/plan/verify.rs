//! What one frame can't show: another size than the rest of the film, black or frozen runs where an attempt begins or ends.
//! Pure: it is handed what was measured and answers what should be looked at again. Films hold still and fade to black by
//! design, so a run inside one attempt is believed unless the renderer complained; what is doubted is never called wrong here:
//! a second opinion from another node decides (`design/farm.md`, Verify and repair).

use std::collections::HashMap;

use flatrender_protocol::message::{Measures, Shown};
use flatrender_protocol::state::RepairReason;
use flatrender_protocol::{AttemptId, NodeId, Run, Span};

/// Mean luma up to which a picture counts as black: half a step of 8 bits.
const BLACK: f32 = 0.002;
/// Mean luma from which a neighbour of a short black run counts as bright.
const BRIGHT: f32 = 0.03;
/// Longest black run between bright neighbours that is doubted wherever it stands.
const FLASH: u32 = 3;
/// Shortest frozen run that is doubted; movement on twos and threes repeats frames all the time.
const FROZEN: u32 = 4;
/// Shortest frozen run that is doubted when its renderer complained.
const FROZEN_COMPLAINED: u32 = 2;

/// What is seen in a frame without its picture.
trait Look {
    fn black(&self) -> bool;
    fn bright(&self) -> bool;
    fn form(&self) -> Form;
}

impl Look for Shown {
    fn black(&self) -> bool {
        self.measures.mean_luma <= BLACK
    }

    fn bright(&self) -> bool {
        self.measures.mean_luma >= BRIGHT
    }

    fn form(&self) -> Form {
        let Measures {
            width,
            height,
            bits,
            alpha,
            ..
        } = self.measures;
        (width, height, bits, alpha)
    }
}

/// Width, height, bits a channel, alpha.
type Form = (u32, u32, u8, bool);

/// A run of frames that may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Which.
    pub span: Span,
    /// Of what kind.
    pub reason: RepairReason,
    /// The frame whose second opinion decides.
    pub probe: u32,
    /// Whose work it is: not to be asked again.
    pub nodes: Vec<NodeId>,
    /// In words.
    pub why: String,
    /// How likely it is wrong: 0 the most.
    pub rank: u8,
}

/// Runs that should be looked at again, the likeliest first. `frames` are all frames of a job by ordinal, `runs` its runs of
/// consecutive display frames, `complained` the attempts whose renderer reported an error or whose end nobody saw.
pub fn doubts(
    frames: &[Shown],
    runs: &[Run],
    complained: &HashMap<AttemptId, String>,
) -> Vec<Doubt> {
    let film = Film { frames, complained };
    let mut found = film.odd_forms();
    for run in runs {
        film.black(run.span, &mut found);
        film.frozen(run.span, &mut found);
    }
    found.sort_by_key(|doubt| (doubt.rank, doubt.span.lo));
    found
}

/// Whether a second opinion says the same as the frame that was doubted, by what was measured alone; `None` when the
/// pictures themselves have to be compared.
pub fn agree(first: &Shown, second: &Shown) -> Option<bool> {
    if first.pixels == second.pixels {
        return Some(true);
    }
    if first.form() != second.form() || first.black() != second.black() {
        return Some(false);
    }
    // Both black: what differs is below what anybody sees.
    first.black().then_some(true)
}

struct Film<'a> {
    frames: &'a [Shown],
    complained: &'a HashMap<AttemptId, String>,
}

impl Film<'_> {
    fn at(&self, ordinal: u32) -> Option<&Shown> {
        self.frames.get(ordinal as usize)
    }

    /// Frames of another size, depth or alpha than most, as runs.
    fn odd_forms(&self) -> Vec<Doubt> {
        let mut forms: HashMap<Form, u32> = HashMap::new();
        for frame in self.frames {
            *forms.entry(frame.form()).or_default() += 1;
        }
        if forms.len() < 2 {
            return Vec::new();
        }
        let first = self.frames.first().map(Shown::form);
        let most = forms
            .iter()
            .max_by_key(|(form, count)| (**count, Some(**form) == first))
            .map(|(form, _)| *form);
        let Some(most) = most else { return Vec::new() };
        let all = Span {
            lo: 0,
            hi: u32::try_from(self.frames.len()).unwrap_or(u32::MAX),
        };
        let odd = |a: &Shown, b: &Shown| a.form() != most && a.form() == b.form();
        self.chains(all, odd)
            .into_iter()
            .filter_map(|span| {
                let form = self.at(span.lo)?.form();
                (form != most).then(|| {
                    let why = format!("{}, while most are {}", words(form), words(most));
                    self.doubt(span, RepairReason::Size, why, 0)
                })
            })
            .collect()
    }

    /// Maximal spans in which every two neighbours satisfy `alike`.
    fn chains(&self, within: Span, alike: impl Fn(&Shown, &Shown) -> bool) -> Vec<Span> {
        let mut chains: Vec<Span> = Vec::new();
        for ordinal in within.ordinals() {
            let joins = ordinal > within.lo
                && self
                    .at(ordinal - 1)
                    .zip(self.at(ordinal))
                    .is_some_and(|(before, this)| alike(before, this));
            match chains.last_mut() {
                Some(last) if joins => last.hi = ordinal + 1,
                _ => chains.push(Span {
                    lo: ordinal,
                    hi: ordinal + 1,
                }),
            }
        }
        chains
    }

    fn black(&self, run: Span, found: &mut Vec<Doubt>) {
        for span in self.chains(run, |a, b| a.black() && b.black()) {
            if !self.at(span.lo).is_some_and(Shown::black) {
                continue;
            }
            let bright = |ordinal: Option<u32>| {
                let neighbour = ordinal.filter(|ordinal| run.contains(*ordinal));
                neighbour.and_then(|n| self.at(n)).map(Shown::bright)
            };
            let sides = (bright(span.lo.checked_sub(1)), bright(Some(span.hi)));
            let flash = span.len() <= FLASH && sides == (Some(true), Some(true));
            let (why, rank) = if let Some(words) = self.complaint(span) {
                (format!("black, and its renderer said: {words}"), 1)
            } else if flash {
                ("black between bright frames".to_owned(), 1)
            } else if self.borders(span, run) {
                (
                    "black from or to where an attempt begins or ends".to_owned(),
                    2,
                )
            } else if span.lo == run.lo || span.hi == run.hi {
                ("black at an end of the film".to_owned(), 3)
            } else {
                continue;
            };
            found.push(self.doubt(span, RepairReason::Black, why, rank));
        }
    }

    fn frozen(&self, run: Span, found: &mut Vec<Doubt>) {
        for span in self.chains(run, |a, b| a.pixels == b.pixels) {
            if self.at(span.lo).is_none_or(Shown::black) || span.len() < FROZEN_COMPLAINED {
                continue;
            }
            let (why, rank) = if let Some(words) = self.complaint(span) {
                (format!("one picture, and its renderer said: {words}"), 1)
            } else if span.len() < FROZEN {
                continue;
            } else if self.borders(span, run) {
                (
                    "one picture from or to where an attempt begins or ends".to_owned(),
                    2,
                )
            } else if span.lo == run.lo || span.hi == run.hi {
                ("one picture at an end of the film".to_owned(), 3)
            } else {
                continue;
            };
            found.push(self.doubt(span, RepairReason::Frozen, why, rank));
        }
    }

    /// Whether a span begins or ends where one attempt's frames meet another's.
    fn borders(&self, span: Span, run: Span) -> bool {
        let meets = |ordinal: u32| {
            ordinal > run.lo
                && ordinal < run.hi
                && self
                    .at(ordinal - 1)
                    .zip(self.at(ordinal))
                    .is_some_and(|(before, this)| before.attempt != this.attempt)
        };
        meets(span.lo) || meets(span.hi)
    }

    fn complaint(&self, span: Span) -> Option<&str> {
        span.ordinals()
            .filter_map(|ordinal| self.complained.get(&self.at(ordinal)?.attempt))
            .map(String::as_str)
            .next()
    }

    fn doubt(&self, span: Span, reason: RepairReason, why: String, rank: u8) -> Doubt {
        let mut nodes: Vec<NodeId> = span
            .ordinals()
            .filter_map(|ordinal| Some(self.at(ordinal)?.node))
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        // The first frame of a frozen run may be the right one.
        let probe = span.lo + span.len() / 2;
        Doubt {
            span,
            reason,
            probe,
            nodes,
            why,
            rank,
        }
    }
}

fn words((width, height, bits, alpha): Form) -> String {
    let alpha = if alpha { "with alpha" } else { "without alpha" };
    format!("{width} × {height}, {bits} bits {alpha}")
}

/// How many second opinions a job may still ask for that may turn out to be unneeded: 2 % of its frames, at least one.
pub fn opinions_left(total: u32, asked_in_vain: u32) -> u32 {
    (total / 50).max(1).saturating_sub(asked_in_vain)
}

#[cfg(test)]
mod tests {
    use flatrender_protocol::{Digest, FrameList};

    use super::*;

    /// One letter a frame: `#` black, other letters are pictures; `|` begins another attempt on another node.
    fn film(text: &str) -> Vec<Shown> {
        let (mut attempt, mut node) = (AttemptId::new(), NodeId::new());
        let mut frames = Vec::new();
        for letter in text.chars() {
            if letter == '|' {
                (attempt, node) = (AttemptId::new(), NodeId::new());
                continue;
            }
            let mean_luma = match letter {
                '#' => 0.0,
                '.' => 0.01,
                _ => 0.4,
            };
            // `~` moves: no two are alike.
            let picture = if letter == '~' {
                frames.len().to_string()
            } else {
                letter.to_string()
            };
            frames.push(Shown {
                attempt,
                node,
                pixels: Digest::of(picture.as_bytes()),
                measures: Measures {
                    width: 64,
                    height: 36,
                    bits: 8,
                    alpha: letter != 'O',
                    mean_luma,
                    perceptual_hash: 1,
                    ..Measures::default()
                },
            });
        }
        frames
    }

    fn found(text: &str, complained: Option<usize>) -> Vec<(RepairReason, u32, u32, u8)> {
        let frames = film(text);
        let runs = FrameList::range(0, frames.len() as i64 - 1).unwrap().runs();
        let complained = complained
            .map(|at| (frames[at].attempt, "an error".to_owned()))
            .into_iter()
            .collect();
        let doubts = doubts(&frames, &runs, &complained);
        doubts
            .iter()
            .map(|d| (d.reason, d.span.lo, d.span.hi, d.rank))
            .collect()
    }

    #[test]
    fn what_films_do_by_design_is_left_alone() {
        for text in [
            "~~~~|~~~~|~~~~",
            "~~~~AAAAAAAA~~~~",  // a hold inside one attempt
            "~~~~AAAA|AAAA~~~~", // a hold over a border
            "~~~..####..~~~",    // a fade through black
            "~~~..###|###..~~",  // the same over a border
            "~~~AAA|~~~",        // three of a kind
            "~~.#.~~",           // a dip
        ] {
            assert_eq!(found(text, None), [], "{text}");
        }
    }

    #[test]
    fn what_an_attempt_does_wrong_is_doubted() {
        use RepairReason::{Black, Frozen, Size};
        for (text, reason, lo, hi, rank) in [
            ("~~~#~~~", Black, 3, 4, 1),
            ("~~###~~", Black, 2, 5, 1),
            ("~~~~|####|~~~", Black, 4, 8, 2),
            ("~~~..#####|~~~", Black, 5, 10, 2),
            ("~~~|#####..~~~", Black, 3, 8, 2),
            ("####..~~~~", Black, 0, 4, 3),
            ("~~~~..####", Black, 6, 10, 3),
            ("########", Black, 0, 8, 3),
            ("~~~~|AAAAA~~~", Frozen, 4, 9, 2),
            ("~~~AAAA|~~~", Frozen, 3, 7, 2),
            ("~~~AAA|AAAA|~~~", Frozen, 3, 10, 2),
            ("~~~~AAAA", Frozen, 4, 8, 3),
            ("~~~O~~", Size, 3, 4, 0),
        ] {
            assert_eq!(found(text, None), [(reason, lo, hi, rank)], "{text}");
        }
    }

    #[test]
    fn a_complaint_makes_every_still_of_its_attempt_doubtful_and_no_other() {
        use RepairReason::{Black, Frozen};
        let text = "~~.####.~~AA~~|~~AA~~";
        assert_eq!(found(text, None), []);
        assert_eq!(
            found(text, Some(0)),
            [(Black, 3, 7, 1), (Frozen, 10, 12, 1)]
        );
    }

    #[test]
    fn runs_of_a_list_are_not_compared_over_its_gaps() {
        let frames = film("~~AA|AA~~");
        let runs = FrameList::parse("0-3,100-103").unwrap().runs();
        assert_eq!(doubts(&frames, &runs, &HashMap::new()), []);
    }

    #[test]
    fn the_probe_of_a_frozen_run_is_not_its_first_frame() {
        let frames = film("~~~|AAAA");
        let runs = FrameList::range(0, 6).unwrap().runs();
        let doubts = doubts(&frames, &runs, &HashMap::new());
        assert_eq!((doubts[0].probe, doubts[0].nodes.len()), (5, 1));
    }

    #[test]
    fn measures_decide_what_they_can() {
        let frames = film("A#A.O");
        assert_eq!(agree(&frames[0], &frames[2]), Some(true));
        assert_eq!(agree(&frames[0], &frames[1]), Some(false));
        assert_eq!(agree(&frames[0], &frames[4]), Some(false), "another form");
        assert_eq!(agree(&frames[0], &frames[3]), None);
    }

    #[test]
    fn opinions_are_bounded() {
        for (total, vain, left) in [(10, 0, 1), (10, 1, 0), (1000, 0, 20), (1000, 25, 0)] {
            assert_eq!(opinions_left(total, vain), left);
        }
    }
}
