//! A program that plays `ffmpeg` or `ffprobe`: a script that does something of its own and hands the rest to the real one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Encodes of what is behind the first span of films, as bash sees their arguments.
pub const MIDDLES: &str = r#"*" -ss "*" mp4 "*"#;

/// Pictures to scrub by.
pub const SCRUB_PICTURES: &str = "*tile=*";

/// What has such arguments waits as long as there is a file.
const HELD_UP: &str = r#"#!/bin/bash
if [[ " $* " == SUCH ]]; then while [ -e "$(dirname "$0")/held" ]; do sleep 0.05; done; fi
exec REAL "$@"
"#;

/// A folder with a stand-in, to be searched before the others.
pub struct StandIn {
    folder: TempDir,
}

impl StandIn {
    /// A script that plays `ffmpeg`, in which `REAL` stands for the real program.
    pub fn of(script: &str) -> Self {
        Self::playing("ffmpeg", script)
    }

    /// The same for any program.
    pub fn playing(name: &str, script: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
        let program = folder.path().join(name);
        let real = real(name).to_str().expect("a program's path is plain").to_owned();
        std::fs::write(&program, script.replace("REAL", &real)).expect("a script can be written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("a script can be made a program");
        Self { folder }
    }

    /// Holds up what has such arguments, until `let_go`.
    pub fn that_holds_up(such: &str) -> Self {
        let stand_in = Self::of(&HELD_UP.replace("SUCH", such));
        std::fs::write(stand_in.folder().join("held"), "").expect("a file can be written");
        stand_in
    }

    /// Lets what is held up go on.
    pub fn let_go(&self) {
        std::fs::remove_file(self.folder().join("held")).expect("it was held up");
    }

    /// Where the script lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `PATH` with the stand-in first.
    pub fn path(&self) -> String {
        format!("{}:{}", self.folder.path().display(), std::env::var("PATH").expect("there is a PATH"))
    }
}

fn real(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists());
    found.expect("it is installed")
}
