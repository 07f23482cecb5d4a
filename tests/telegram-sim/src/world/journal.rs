//! The events of a world in a file: one JSON object a line, only ever appended to.
//!
//! A line counts once its newline is there. The end of a file may hold a torn line, from a process
//! that was killed while it wrote; it is cut off. Nothing is fsynced: a killed process loses
//! nothing, a machine without power may.

use super::StartError;
use super::event::Event;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const NAME: &str = "journal.jsonl";

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    len: u64,
}

impl Journal {
    /// Opens or begins the journal of `folder`, and reads what happened so far.
    ///
    /// # Errors
    /// It cannot be read or written, is damaged, or another process has it open.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Event>), StartError> {
        let path = folder.join(NAME);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| StartError::folder(folder, error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StartError::InUse(folder.to_owned()),
            TryLockError::Error(error) => StartError::folder(folder, error),
        })?;
        let (events, len) = parse(folder, &mut file)?;
        file.set_len(len)
            .and_then(|()| file.seek(SeekFrom::Start(len)))
            .map_err(|error| StartError::folder(folder, error))?;
        Ok((Self { file, len }, events))
    }

    /// Reads the journal of `folder` without changing it, also while a simulator writes to it.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Vec<Event>, StartError> {
        let mut file = File::open(folder.join(NAME)).map_err(|error| StartError::folder(folder, error))?;
        Ok(parse(folder, &mut file)?.0)
    }

    /// Writes `event` down. After an error the file is as it was before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn append(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            self.file.set_len(self.len)?;
            self.file.seek(SeekFrom::Start(self.len))?;
            return Err(error);
        }
        self.len += line.len() as u64;
        Ok(())
    }
}

/// The events of a file, and the length in bytes of the lines they stand in.
fn parse(folder: &Path, file: &mut File) -> Result<(Vec<Event>, u64), StartError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| StartError::folder(folder, error))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let mut events = Vec::new();
    for (number, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let event = serde_json::from_slice(line);
        events.push(event.map_err(|_| StartError::Damaged { folder: folder.to_owned(), line: number + 1 })?);
    }
    Ok((events, whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn advance(by_ms: i64) -> Event {
        Event::Advanced { by_ms }
    }

    fn steps(events: &[Event]) -> Vec<i64> {
        let step = |event: &Event| if let Event::Advanced { by_ms } = event { *by_ms } else { 0 };
        events.iter().map(step).collect()
    }

    #[test]
    fn a_torn_tail_is_cut_off_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&advance(1)).unwrap();
        drop(journal);
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        let mut torn = whole.clone();
        torn.extend_from_slice(b"{\"channel_added\":{\"channel\":-1002000000001,\"title\":\"longer than what fol");
        fs::write(&path, torn).unwrap();
        assert_eq!(steps(&Journal::read(folder.path()).unwrap()), [1]);
        let (mut journal, events) = Journal::open(folder.path()).unwrap();
        assert_eq!((steps(&events), fs::read(&path).unwrap()), (vec![1], whole));
        journal.append(&advance(2)).unwrap();
        drop(journal);
        assert_eq!(steps(&Journal::open(folder.path()).unwrap().1), [1, 2]);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "{\"advanced\":{\"by_ms\":1}}\nrubbish\n").unwrap();
        let error = Journal::open(folder.path()).unwrap_err();
        assert!(matches!(error, StartError::Damaged { line: 2, .. }), "{error}");
    }

    #[test]
    fn a_second_simulator_on_one_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Journal::open(folder.path()).unwrap();
        assert!(matches!(Journal::open(folder.path()).unwrap_err(), StartError::InUse(_)));
    }
}
