//! `BACKUP` and `RESTORE`: the two forms that stay inside the engine's folder.
//!
//! In ClickHouse a destination may be a disk, a bucket or another server, and further clauses name
//! settings and passwords. So only one form is allowed, checked token by token: a whole database,
//! to or from a folder with a plain name.

use super::lexer::{Token, TokenKind};

/// Returns whether the statement is a `BACKUP` or a `RESTORE`.
pub(super) fn begins(tokens: &[Token<'_>]) -> bool {
    tokens
        .first()
        .is_some_and(|first| first.is_word("BACKUP") || first.is_word("RESTORE"))
}

/// Returns whether the statement is exactly `BACKUP DATABASE name TO File('folder')` or `RESTORE
/// DATABASE name FROM File('folder')`.
pub(super) fn is_plain(tokens: &[Token<'_>]) -> bool {
    let tokens = match tokens {
        [rest @ .., end] if end.is_sign(b';') => rest,
        all => all,
    };
    let [what, database, name, direction, file, open, folder, close] = tokens else {
        return false;
    };
    let goes = (what.is_word("BACKUP") && direction.is_word("TO"))
        || (what.is_word("RESTORE") && direction.is_word("FROM"));
    goes && database.is_word("DATABASE")
        && name.kind == TokenKind::Word
        && is_plain_text(name.bytes)
        && file.bytes == b"File"
        && open.is_sign(b'(')
        && folder.kind == TokenKind::Text
        && folder
            .bytes
            .strip_prefix(b"'")
            .and_then(|rest| rest.strip_suffix(b"'"))
            .is_some_and(is_plain_text)
        && close.is_sign(b')')
}

/// Returns whether the text is non-empty and consists of ASCII letters, digits, `_` and `-`.
fn is_plain_text(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !bytes.is_empty() && bytes.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::lexer::Lexer;
    use super::*;

    fn allowed(text: &str) -> bool {
        let tokens: Vec<Token<'_>> = Lexer::new(text.as_bytes()).collect();
        begins(&tokens) && is_plain(&tokens)
    }

    #[test]
    fn only_one_form_of_backup_is_allowed() {
        for good in [
            "BACKUP DATABASE etappe TO File('b1')",
            "restore database etappe from File('a_b-1');",
            "/* x */ BACKUP DATABASE etappe TO File ( 'b1' )",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "BACKUP DATABASE etappe TO File('../b1')",
            "BACKUP DATABASE etappe TO File('/b1')",
            "BACKUP DATABASE etappe TO File('b\\1')",
            "BACKUP DATABASE etappe TO File('')",
            "BACKUP DATABASE etappe TO File(b1)",
            "BACKUP DATABASE etappe TO Disk('default', 'b1')",
            "BACKUP DATABASE etappe TO S3('http://x/y')",
            "BACKUP DATABASE etappe TO File('b1') SETTINGS base_backup = File('b0')",
            "BACKUP DATABASE etappe TO File('b1') ASYNC",
            "BACKUP DATABASE etappe ON CLUSTER c TO File('b1')",
            "BACKUP DATABASE etappe FROM File('b1')",
            "BACKUP ALL TO File('b1')",
            "BACKUP TABLE etappe.events TO File('b1')",
            "RESTORE DATABASE etappe AS other FROM File('b1')",
            "RESTORE DATABASE `etap``pe` FROM File('b1')",
            "SELECT 1",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
