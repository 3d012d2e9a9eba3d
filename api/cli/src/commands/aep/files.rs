//! Whether a project's files are there: looked for beside the project and in folders that were allowed, and nowhere else.
//! A project names what it likes; nothing outside these folders is touched, and nothing is opened.

use std::path::{Component, Path, PathBuf};

use flatrender_aep::check::Presence;
use flatrender_aep::{Container, FileRef};

/// Where files may be looked for.
pub(super) struct Roots {
    /// The project's folder.
    beside: PathBuf,
    /// Folders with what they really are, links followed. The project's first.
    allowed: Vec<PathBuf>,
    packed: bool,
}

impl Roots {
    /// The project's folder, and those that are allowed beside it. Folders that don't exist allow nothing.
    pub(super) fn new(project: &Path, container: Container, more: &[PathBuf]) -> Roots {
        let parent = match project.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let beside = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
        let more = more.iter().filter_map(|root| root.canonicalize().ok());
        Roots {
            allowed: std::iter::once(beside.clone()).chain(more).collect(),
            beside,
            packed: match container {
                Container::Mogrt | Container::Zip => true,
                Container::Rifx | Container::Xml => false,
            },
        }
    }

    /// Whether a file is there: at its own path, where it moved to with its project, or by its name in an allowed folder.
    pub(super) fn presence(&self, file: &FileRef) -> Presence {
        let mut looked = false;
        for place in self.candidates(file) {
            if !self.within(&place) {
                continue;
            }
            looked = true;
            let Ok(real) = place.canonicalize() else {
                continue;
            };
            let right_kind = real.is_dir() || !file.is_folder && real.is_file();
            if right_kind && self.within(&real) {
                return Presence::There;
            }
        }
        match (self.packed, looked) {
            (true, _) => Presence::Packed,
            (false, true) => Presence::Missing,
            (false, false) => Presence::Outside,
        }
    }

    fn candidates(&self, file: &FileRef) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Some((up, parts)) = file.beside_project() {
            let base = self
                .beside
                .ancestors()
                .nth(usize::try_from(up).unwrap_or(usize::MAX));
            places.extend(base.map(|base| base.join(parts.iter().collect::<PathBuf>())));
        }
        if file.is_absolute() && file.windows == cfg!(windows) {
            places.push(PathBuf::from(&file.path));
        }
        let name = file.file_name();
        if name != "." && name != ".." {
            let homes = self.allowed.iter();
            places.extend(
                homes.flat_map(|home| [home.join(name), home.join("(Footage)").join(name)]),
            );
        }
        places
    }

    /// Whether a path lies in an allowed folder by its letters; one that climbs does not.
    fn within(&self, path: &Path) -> bool {
        let climbs = path.components().any(|part| part == Component::ParentDir);
        !climbs && self.allowed.iter().any(|root| path.starts_with(root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, up: u32, down: u32) -> FileRef {
        FileRef {
            path: path.to_owned(),
            windows: false,
            is_folder: false,
            steps_up: up,
            steps_down: down,
            missing_at_save: false,
            old_record: false,
        }
    }

    #[test]
    fn files_are_looked_for_beside_the_project_and_where_it_is_allowed() {
        let home = tempfile::tempdir().unwrap();
        let film = home.path().join("film");
        std::fs::create_dir_all(film.join("(Footage)")).unwrap();
        std::fs::create_dir_all(home.path().join("media")).unwrap();
        for name in ["film/a.png", "film/(Footage)/b.png", "media/c.png"] {
            std::fs::write(home.path().join(name), "x").unwrap();
        }
        let project = film.join("film.aep");
        let roots = Roots::new(&project, Container::Rifx, &[]);
        assert_eq!(roots.presence(&at("a.png", 0, 0)), Presence::There);
        assert_eq!(
            roots.presence(&at("/old/place/b.png", 0, 0)),
            Presence::There
        );
        assert_eq!(
            roots.presence(&at("/old/place/(Footage)/b.png", 1, 2)),
            Presence::There
        );
        assert_eq!(roots.presence(&at("/gone.png", 1, 1)), Presence::Missing);
        let beside = at("/old/media/c.png", 2, 2);
        assert_eq!(roots.presence(&beside), Presence::Missing);
        let wider = Roots::new(&project, Container::Rifx, &[home.path().to_owned()]);
        assert_eq!(wider.presence(&beside), Presence::There);
        let packed = Roots::new(&project, Container::Mogrt, &[]);
        assert_eq!(packed.presence(&at("/gone.png", 1, 1)), Presence::Packed);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_is_told() {
        let home = tempfile::tempdir().unwrap();
        let film = home.path().join("film");
        std::fs::create_dir_all(&film).unwrap();
        std::fs::write(home.path().join("secret.png"), "x").unwrap();
        std::os::unix::fs::symlink(home.path().join("secret.png"), film.join("link.png")).unwrap();
        let roots = Roots::new(&film.join("film.aep"), Container::Rifx, &[]);
        assert_eq!(roots.presence(&at("/etc/passwd", 0, 0)), Presence::Missing);
        assert_eq!(
            roots.presence(&at("../secret.png", 0, 0)),
            Presence::Missing
        );
        assert_eq!(roots.presence(&at("link.png", 0, 0)), Presence::Missing);
        assert_eq!(roots.presence(&at("/..", 0, 0)), Presence::Outside);
    }
}
