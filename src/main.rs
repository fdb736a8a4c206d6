//! The `proxmux` binary: parse the arguments, run, turn the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use proxmux::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { cli::USER_ERROR } else { 0 };
            // Fails only when nobody reads the output.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxmux: {}", cli::explain(&error));
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
