//! The one binary: the command line, which speaks to a coordinator by its API alone, and `serve`, which runs services.

mod args;
mod embedded;
mod exit;
mod line;
mod output;
mod progress;
mod sfdmu;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::Output;

/// Gives back what a chunk took once it has gone on: with the C library's, each thread keeps its own, and a long run twice as much as it needs.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // One TLS provider for all clients; a second installation is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::of_usage(&error),
    };
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let ended = runtime.block_on(verbs::perform(cli, &output));
    // What is left are watches that wait for nothing any more.
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let code = exit::of_failure(&failure);
            output.failure(failure);
            ExitCode::from(code)
        }
    }
}
