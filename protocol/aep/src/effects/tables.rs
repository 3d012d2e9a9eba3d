//! The rows: effects and plug-ins by match name, with what they need, how sure that is, and where it is from.

use super::{Gpu, Past, Sure};

const MENU: &str = "After Effects' menu has it among the simulations; the plug-in guide says what a simulation needs";
const TIME: &str =
    "After Effects' menu has it among the time effects; its manual describes what it reads";
const ANALYSIS: &str =
    "Adobe's notes on Warp Stabilizer and 3D Camera Tracker: the analysis is saved in the project";
const SCRIPTS: &str =
    "public scripts add it by this name; it is not among the effects of After Effects";

/// Effects of After Effects with a past: match name, name, past, how sure, source.
pub(super) const SHIPPED: &[(&str, &str, Past, Sure, &str)] = &[
    (
        "ADBE Playgnd",
        "Particle Playground",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    ("APC Foam", "Foam", Past::Simulated, Sure::Likely, MENU),
    (
        "APC Shatter",
        "Shatter",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    (
        "APC Wave World",
        "Wave World",
        Past::Simulated,
        Sure::Likely,
        MENU,
    ),
    (
        "CC Bubbles",
        "CC Bubbles",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Drizzle",
        "CC Drizzle",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Mr. Mercury",
        "CC Mr. Mercury",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Particle Systems II",
        "CC Particle Systems II",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Particle World",
        "CC Particle World",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CC Pixel Polly",
        "CC Pixel Polly",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CSRainfall",
        "CC Rainfall",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "CSSnowfall",
        "CC Snowfall",
        Past::Simulated,
        Sure::Guess,
        MENU,
    ),
    (
        "ADBE Echo",
        "Echo",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Difference",
        "Time Difference",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Time Displacement",
        "Time Displacement",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE Timewarp",
        "Timewarp",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "ADBE OFMotionBlur",
        "Pixel Motion Blur",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "ADBE Posterize Time",
        "Posterize Time",
        Past::Neighbours,
        Sure::Documented,
        TIME,
    ),
    (
        "CC Wide Time",
        "CC Wide Time",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "CC Force Motion Blur",
        "CC Force Motion Blur",
        Past::Neighbours,
        Sure::Likely,
        TIME,
    ),
    (
        "CC Time Blend",
        "CC Time Blend",
        Past::Feedback,
        Sure::Guess,
        "obsolete; known for blending with what it drew before",
    ),
    (
        "CC Time Blend FX",
        "CC Time Blend FX",
        Past::Feedback,
        Sure::Guess,
        "obsolete; known for blending with what it drew before",
    ),
    (
        "ADBE SubspaceStabilizer",
        "Warp Stabilizer VFX",
        Past::Analysed,
        Sure::Documented,
        ANALYSIS,
    ),
    (
        "ADBE 3D Tracker",
        "3D Camera Tracker",
        Past::Analysed,
        Sure::Documented,
        ANALYSIS,
    ),
    (
        "ADBE Samurai",
        "Roto Brush & Refine Edge",
        Past::Analysed,
        Sure::Guess,
        "propagated by hand; not frozen it is computed again",
    ),
];

/// Plug-ins: match name, name, maker, past, graphics card, how sure, source.
pub(super) const PLUGINS: &[(&str, &str, &str, Past, Gpu, Sure, &str)] = &[
    (
        "tc Particular",
        "Trapcode Particular",
        "Maxon (Red Giant)",
        Past::Simulated,
        Gpu::Optional,
        Sure::Likely,
        "its user guide: particles of an emitter over time; rendering on the CPU or the GPU",
    ),
    (
        "tc Form",
        "Trapcode Form",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Lux",
        "Trapcode Lux",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Shine",
        "Trapcode Shine",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Sound Keys",
        "Trapcode Sound Keys",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Starglow",
        "Trapcode Starglow",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "tc Tao",
        "Trapcode Tao",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "rg Mir",
        "Trapcode Mir",
        "Maxon (Red Giant)",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT 3DArray",
        "Element 3D",
        "Video Copilot",
        Past::None,
        Gpu::Needed,
        Sure::Likely,
        "public reports of films without it; its maker sells it as a renderer on the graphics card",
    ),
    (
        "VIDEOCOPILOT OpticalFlares",
        "Optical Flares",
        "Video Copilot",
        Past::None,
        Gpu::Optional,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT HeatDistortion",
        "Heat Distortion",
        "Video Copilot",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
    (
        "VIDEOCOPILOT VCReflect",
        "VC Reflect",
        "Video Copilot",
        Past::None,
        Gpu::No,
        Sure::Guess,
        SCRIPTS,
    ),
];

/// Beginnings of the match names of what other makers have in After Effects, and whole names that have none.
pub(super) const BUNDLED: [&str; 12] = [
    "APC ",
    "CC ",
    "CS ",
    "CSRainfall",
    "CSSnowfall",
    "VISINF ",
    "ISL ",
    "SYNTHAP ",
    "Keylight ",
    "EXtractoR",
    "IDentifier",
    "CINEMA 4D Effect",
];

/// Beginnings of the match names of makers of plug-ins.
pub(super) const MAKERS: [(&str, &str); 3] = [
    ("tc ", "Maxon (Red Giant)"),
    ("Red Giant ", "Maxon (Red Giant)"),
    ("VIDEOCOPILOT ", "Video Copilot"),
];
