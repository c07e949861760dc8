//! Reads a site's rows of money, from which orders and refunds are worked out.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use etappe_core::id::SiteId;
use etappe_core::journey::{AmountState, SaleKind, SaleRow};
use etappe_core::money::Amount;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::error::WarehouseError;
use crate::native::{Block, Texts};
use crate::read::key_scope;
use crate::warehouse::Warehouse;

const SALES: &str = "
SELECT
    order_key,
    toUInt64(order_id != '') AS has_id,
    toUInt64(multiIf(milestone = 'refund', 2, milestone = 'order_cancel', 3, is_view, 1, 0)) AS kind,
    toUInt64(scope) AS key_scope,
    toUInt64(amount_state) AS state,
    if(has_amount, toString(amount), '') AS named_amount,
    CAST(currency, 'String') AS named_currency,
    actor_hash,
    toUnixTimestamp64Milli(occurred_at) AS at,
    toUInt64(partition) AS log_partition,
    offset
FROM money
WHERE site = {site:String}
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
LIMIT {most:UInt64}";

impl Warehouse {
    /// Returns all rows of money of a site; `None` if there are more than `limit`.
    pub(super) async fn read_sales_rows(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<SaleRow>>, WarehouseError> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let query = self.site_query(site, "sales", SALES);
        let query = query.bots(bots).number("most", most);
        let mut rows = Vec::new();
        let mut currencies = Currencies::default();
        query
            .blocks(|block| read_rows(block, &mut currencies, &mut rows))
            .await?;
        Ok((rows.len() <= limit).then_some(rows))
    }
}

/// The currencies seen, each kept once.
#[derive(Default)]
struct Currencies(HashMap<Bytes, Arc<str>>);

impl Currencies {
    fn named(&mut self, code: Bytes) -> Result<Arc<str>, WarehouseError> {
        if let Some(known) = self.0.get(&code) {
            return Ok(Arc::clone(known));
        }
        let text: Arc<str> = text(&code)?.into();
        self.0.insert(code, Arc::clone(&text));
        Ok(text)
    }
}

fn read_rows(
    mut block: Block,
    currencies: &mut Currencies,
    rows: &mut Vec<SaleRow>,
) -> Result<(), WarehouseError> {
    let mut numbers = |name| block.all_numbers(name);
    let (keys, has_id, kinds) = (numbers("order_key")?, numbers("has_id")?, numbers("kind")?);
    let (scopes, states) = (numbers("key_scope")?, numbers("state")?);
    let (actors, times) = (numbers("actor_hash")?, numbers("at")?);
    let (partitions, offsets) = (numbers("log_partition")?, numbers("offset")?);
    let mut amounts = block.texts("named_amount")?;
    let mut codes = block.texts("named_currency")?;
    for (row, order_key) in keys.iter().enumerate() {
        let at = |column: &[u64]| column.get(row).copied().unwrap_or_default();
        rows.push(SaleRow {
            kind: kind(at(&kinds))?,
            order_key: *order_key,
            has_id: at(&has_id) != 0,
            scope: key_scope(at(&scopes))?,
            amount_state: amount_state(at(&states))?,
            amount: amount(&mut amounts)?,
            currency: currencies.named(codes.next())?,
            actor: at(&actors),
            at: Timestamp::from_millis(at(&times).cast_signed()),
            place: (
                u32::try_from(at(&partitions)).unwrap_or(u32::MAX),
                at(&offsets),
            ),
        });
    }
    Ok(())
}

fn amount(amounts: &mut Texts) -> Result<Option<i128>, WarehouseError> {
    let bytes = amounts.next();
    let named = text(&bytes)?;
    if named.is_empty() {
        return Ok(None);
    }
    let read = Amount::parse_sum(named).map(Amount::as_scaled);
    read.map(Some).ok_or_else(|| unexpected("amount", named))
}

fn text(bytes: &Bytes) -> Result<&str, WarehouseError> {
    std::str::from_utf8(bytes).map_err(|_| unexpected("text", "not UTF-8"))
}

fn kind(number: u64) -> Result<SaleKind, WarehouseError> {
    match number {
        0 => Ok(SaleKind::Purchase),
        1 => Ok(SaleKind::PurchasePage),
        2 => Ok(SaleKind::Refund),
        3 => Ok(SaleKind::Cancellation),
        other => Err(unexpected("kind", other)),
    }
}

/// The numbers are those of the table's column.
fn amount_state(number: u64) -> Result<AmountState, WarehouseError> {
    match number {
        0 => Ok(AmountState::Absent),
        1 => Ok(AmountState::Read),
        2 => Ok(AmountState::Unread),
        3 => Ok(AmountState::Withheld),
        other => Err(unexpected("amount_state", other)),
    }
}

fn unexpected(what: &str, value: impl std::fmt::Display) -> WarehouseError {
    WarehouseError::UnexpectedAnswer(format!("a row of money has the {what} `{value}`"))
}
