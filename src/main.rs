//! The `telecine` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|command| command == "cage") {
        return telecine::ffmpeg::cage::enter(arguments);
    }
    ExitCode::SUCCESS
}
