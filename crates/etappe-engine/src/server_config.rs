//! The configuration files that the engine itself reads; rewritten at each start.
//!
//! Most of the protection is in the users file: it grants the engine's only user what a warehouse
//! needs, and no access to files, the network or programs. What grants do not cover is refused in
//! [`crate::statement::guard`].

use std::path::{Path, PathBuf};

use etappe_runtime::durable_file;

use crate::config::EngineConfig;
use crate::engine::backups_dir;
use crate::error::EngineError;

const CONFIG_FILE: &str = "engine-config.xml";
const USERS_FILE: &str = "engine-users.xml";
/// An insert is refused while the disk has less room than this, so that it rarely fails halfway.
/// Less than what the event log leaves free, so that what the log took can still be stored.
const MIN_FREE_BYTES: u64 = 32 * 1024 * 1024;

/// The grants of the engine's user. Backups go only into one folder (`allowed_path`), in one form
/// (see [`crate::statement::backup`]). Not granted: sources (`FILE`, `URL`, `S3`, `REMOTE`…),
/// access management, introspection, `SYSTEM SHUTDOWN`.
const GRANTS: &str = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, \
    CREATE DICTIONARY, CREATE FUNCTION, CREATE TEMPORARY TABLE, CREATE ARBITRARY TEMPORARY TABLE, \
    DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, SHOW, CHECK, BACKUP, KILL QUERY, dictGet, \
    SYSTEM FLUSH LOGS, SYSTEM MERGES, SYSTEM RELOAD DICTIONARY, SYSTEM DROP CACHE, \
    SYSTEM VIEWS, SYSTEM CLEANUP";

/// The paths of the files.
pub(crate) struct ServerConfig {
    pub(crate) config: PathBuf,
    pub(crate) users: PathBuf,
}

/// Writes both files into the data folder, outside the engine's own folder.
pub(crate) fn write_server_config(config: &EngineConfig) -> Result<ServerConfig, EngineError> {
    let users = config.data_dir.join(USERS_FILE);
    write(&users, &users_xml(config))?;
    let path = config.data_dir.join(CONFIG_FILE);
    write(&path, &config_xml(config, &users))?;
    Ok(ServerConfig {
        config: path,
        users,
    })
}

fn write(path: &Path, text: &str) -> Result<(), EngineError> {
    let failed = |source| EngineError::io(format!("write `{}`", path.display()), source);
    durable_file::replace_private(path, text.as_bytes()).map_err(failed)
}

/// Server settings: memory, caches and background threads for a small machine.
fn config_xml(config: &EngineConfig, users: &Path) -> String {
    let users = escape(&users.to_string_lossy());
    let memory = config.server_memory_bytes;
    let mark_cache = (memory / 12).min(512 * 1024 * 1024);
    let merges = config.query_threads.clamp(2, 8);
    format!(
        "<clickhouse>
  <users_config>{users}</users_config>
  <backups>
    <allowed_path>{backups}</allowed_path>
    <allow_concurrent_backups>false</allow_concurrent_backups>
  </backups>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{mark_cache}</mark_cache_size>
  <primary_index_cache_size>{mark_cache}</primary_index_cache_size>
  <index_mark_cache_size>{small}</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
  <query_condition_cache_size>{small}</query_condition_cache_size>
  <mmap_cache_size>256</mmap_cache_size>
  <compiled_expression_cache_size>{small}</compiled_expression_cache_size>
  <background_pool_size>{merges}</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <tables_loader_foreground_pool_size>2</tables_loader_foreground_pool_size>
  <tables_loader_background_pool_size>2</tables_loader_background_pool_size>
  <max_thread_pool_size>2000</max_thread_pool_size>
  <max_thread_pool_free_size>64</max_thread_pool_free_size>
  <merge_tree>
    <min_free_disk_bytes_to_perform_insert>{free}</min_free_disk_bytes_to_perform_insert>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
",
        small = 32 * 1024 * 1024,
        free = MIN_FREE_BYTES,
        backups = escape(&backups_dir(&config.data_dir).to_string_lossy()),
    )
}

/// The only user, its grants, and the settings of every session.
fn users_xml(config: &EngineConfig) -> String {
    format!(
        "<clickhouse>
  <profiles>
    <default>
      <max_threads>{threads}</max_threads>
      <max_insert_threads>1</max_insert_threads>
      <max_memory_usage>{memory}</max_memory_usage>
      <async_insert>0</async_insert>
      <implicit_select>0</implicit_select>
      <allow_introspection_functions>0</allow_introspection_functions>
      <output_format_parallel_formatting>0</output_format_parallel_formatting>
    </default>
  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT {GRANTS} ON *.*</query>
        <query>GRANT TABLE ENGINE ON *</query>
        <query>GRANT SET DEFINER ON *</query>
      </grants>
    </default>
  </users>
  <quotas><default></default></quotas>
</clickhouse>
",
        threads = config.query_threads,
        memory = config.query_memory_bytes,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_files_refer_to_each_other_and_can_be_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let config = EngineConfig::new(dir.path().join("a&b"), "/x/libchdb.so");
        std::fs::create_dir(&config.data_dir).unwrap();
        write_server_config(&config).unwrap();
        let path = write_server_config(&config).unwrap().config;
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("a&amp;b/engine-users.xml</users_config>"));
    }

    #[test]
    fn no_source_outside_the_engine_is_granted() {
        let config = EngineConfig::new("/tmp/data", "/x/libchdb.so");
        let text = users_xml(&config);
        for source in ["FILE", "URL", "S3", "REMOTE", "SOURCES", "SHUTDOWN", "ALL"] {
            let word = |text: &str| text.split([' ', ',']).any(|word| word == source);
            assert!(
                !text.lines().filter(|line| line.contains("GRANT")).any(word),
                "{source}"
            );
        }
    }
}
