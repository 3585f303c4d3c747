//! What the reader makes of a bag, as JSON lines: the bag first, then every message in the order of the file.
//! The tests of `tests/interop` compare it with what other programs say.
//!
//! usage: cargo run --release -p outrider_bags --example dump -- BAG

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints"
)]

use outrider_bags::{BagReader, Order};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: dump BAG");
        return ExitCode::from(2);
    };
    let reader = match BagReader::open(path) {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match dump(&reader, BufWriter::new(std::io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dump(reader: &BagReader, mut out: impl Write) -> std::io::Result<()> {
    let (profile, library) = reader.made_by();
    let channels = reader.channels().iter().map(|c| {
        json!({"topic": c.topic, "type": c.type_name, "definition": c.definition, "schema_encoding": c.schema_encoding,
            "message_encoding": c.message_encoding, "metadata": c.metadata, "messages": c.message_count,
            "foreign": c.foreign()})
    });
    let channels: Vec<_> = channels.collect();
    let metadata: Vec<_> = reader.metadata().map(|m| json!({"name": m.name, "entries": m.entries})).collect();
    let attachments: Vec<_> = reader
        .attachments()
        .map(|a| {
            json!({"name": a.name, "media_type": a.media_type, "log_time": a.log_time_ns,
                "create_time": a.create_time_ns, "size": a.size})
        })
        .collect();
    let damage: Vec<String> = reader.damage().map(ToString::to_string).collect();
    let head = json!({"profile": profile, "library": library, "messages": reader.message_count(),
        "bounds": reader.bounds_ns(), "recovered": reader.recovered(), "channels": channels, "metadata": metadata,
        "attachments": attachments, "damage": damage, "warnings": reader.warnings()});
    writeln!(out, "{head}")?;
    for item in reader.messages(Order::File) {
        let line = match item {
            Ok(m) => {
                let hex: String = m.data.iter().map(|b| format!("{b:02x}")).collect();
                json!({"channel": m.channel, "sequence": m.sequence, "log_time": m.log_time_ns,
                    "publish_time": m.publish_time_ns, "data": hex})
            }
            Err(error) => json!({"error": error.to_string()}),
        };
        writeln!(out, "{line}")?;
    }
    out.flush()
}
