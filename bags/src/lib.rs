//! Bags: MCAP writer, reader, recovery and tick journals.
