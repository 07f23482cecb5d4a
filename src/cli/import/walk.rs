//! Which files are meant: folders to the bottom, in order of their names, without hidden ones.

use std::fs;
use std::path::{Path, PathBuf};

/// One thing found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file to take in, as an absolute path.
    File(PathBuf),
    /// A place that cannot be read, and why.
    Unreadable(PathBuf, String),
}

/// Every file under `paths`, which may be files themselves. Links to folders inside a folder are
/// not followed, so that no walk is endless. Blocks.
pub(super) fn files(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        match std::path::absolute(path) {
            Ok(path) => look(&path, &mut found),
            Err(error) => found.push(Found::Unreadable(path.clone(), error.to_string())),
        }
    }
    found
}

fn look(path: &Path, found: &mut Vec<Found>) {
    match fs::metadata(path) {
        Ok(kind) if kind.is_dir() => folder(path, found),
        Ok(kind) if kind.is_file() => found.push(Found::File(path.to_owned())),
        Ok(_) => found.push(Found::Unreadable(path.to_owned(), "neither a file nor a folder".to_owned())),
        Err(error) => found.push(Found::Unreadable(path.to_owned(), error.to_string())),
    }
}

fn folder(path: &Path, found: &mut Vec<Found>) {
    let mut entries = match fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => return found.push(Found::Unreadable(path.to_owned(), error.to_string())),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        let linked_folder = path.is_symlink() && path.is_dir();
        if !hidden && !linked_folder {
            look(&path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_sorted_deep_and_blind_to_hidden_files_and_linked_folders() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("b/.hidden")).unwrap();
        for name in ["c.mkv", "a.txt", ".x.mp4", "b/z.mp4", "b/.hidden/y.mp4"] {
            fs::write(root.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("b/loop")).unwrap();
        std::os::unix::fs::symlink("c.mkv", root.path().join("d.mkv")).unwrap();

        let found = files(&[root.path().to_owned()]);

        let expected = ["a.txt", "b/z.mp4", "c.mkv", "d.mkv"].map(|name| Found::File(root.path().join(name)));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_missing_path_is_reported_and_the_others_are_still_found() {
        let root = tempfile::tempdir().unwrap();
        let film = root.path().join(".film.mp4");
        fs::write(&film, "").unwrap();
        let found = files(&[root.path().join("none"), film.clone()]);
        assert!(matches!(&found[0], Found::Unreadable(path, _) if path.ends_with("none")), "{found:?}");
        // A hidden file that was named is meant.
        assert_eq!(found[1], Found::File(film));
    }
}
