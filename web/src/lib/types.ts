// Rows as the API sends them: exactly the views' columns. Decimals and times are text, unknown is null.
type Text = string | null

export interface Position {
  position_id: number; account_id: number; account: string; con_id: number; symbol: string; local_symbol: Text
  sec_type: string; currency: string; multiplier: Text; status: 'OPEN' | 'CLOSED'; quantity: Text
  average_price: Text; broker_avg_cost: Text; current_price: Text; market_value: Text; unrealized_pnl: Text
  unrealized_pnl_pct: Text; realized_pnl: Text; commissions: Text; net_realized_pnl: Text
  estimated_realized_pnl: Text; unknown_closes: number | null; marked_at: Text; mark_source: Text; opened_at: Text
  closed_at: Text; missing_since: Text; last_synced_at: Text; revision: number | null; broker_unrealized_pnl: Text
}
export interface Close {
  close_id: number; position_id: number; account: string; con_id: number; symbol: string; quantity_closed: Text
  side: string; entry_price: Text; exit_price: Text; realized_pnl: Text; realized_pnl_pct: Text; commissions: Text
  net_realized_pnl: Text; estimated_realized_pnl: Text; broker_realized_pnl: Text; currency: string; closed_at: Text
  trade_date: Text; is_full_close: boolean; cause: string; basis: string; exec_id: Text; order_ref: Text
}
export interface PositionEvent {
  event_id: number; revision: number; account: string; position_id: number; con_id: number; symbol: string
  kind: string; cause: string; quantity_before: Text; quantity_after: Text; average_price_before: Text
  average_price_after: Text; occurred_at: Text; recorded_at: Text; sync_run_id: number | null; exec_id: Text
}
export interface Execution {
  exec_id: string; account: string; con_id: number; symbol: string; time: Text; side: string; shares: Text
  signed_quantity: Text; price: Text; exchange: Text; order_ref: Text; commission: Text; commission_currency: Text
  broker_realized_pnl: Text; liquidation: boolean; trade_date: Text; superseded_by: Text; booked: string
  excluded: boolean; cause: Text; transaction_id: Text
}
export interface Lot {
  lot_id: number; position_id: number; account: string; con_id: number; open_exec_id: Text; opened_at: Text
  quantity: Text; remaining_quantity: Text; price: Text
}
export interface Adjustment {
  adjustment_id: number; account: string; con_id: number; cause: string; quantity: Text; price: Text; ratio: Text
  effective_at: Text; recorded_at: Text; author: string; note: Text; undone_by: Text; basis: string
}
export interface History {
  position_id: number; quantity: Text; average_price: Text; realized_pnl: Text; commissions: Text; valid_from: Text
  valid_to: Text; recorded_from: Text; recorded_to: Text
}
export interface Break {
  break_id: number; account: string; con_id: number | null; symbol: Text; kind: string; class: string; state: string
  broker_value: Text; book_value: Text; opened_at: Text; closed_at: Text; detail: Text; looks: number
}
export interface Run {
  sync_run_id: number; gateway: string; account: Text; trigger: string; started_at: Text; finished_at: Text
  outcome: string; positions_created: number; positions_updated: number; positions_closed: number
  broker_positions: number | null; error: Text; revision: number | null; repeats: number
}
export interface Coverage { account: string; stream: string; from_time: Text; to_time: Text; state: string; source: string }
export interface Account {
  account: string; gateway: string; base_currency: Text; is_paper: boolean; revision: number; last_synced_at: Text
  certified_through: Text
}
export interface Instrument {
  con_id: number; symbol: string; local_symbol: Text; sec_type: string; currency: string; trading_class: Text
  multiplier: Text; price_scale: Text; expiry: Text; strike: Text; right: Text; under_con_id: number | null
}
export interface AccountValue { account: string; key: string; currency: Text; value: string; updated_at: Text }
export interface Pnl {
  day: Text; account: Text; symbol: Text; currency: string; closes: number; realized_pnl: Text; unknown_closes: number
  commissions: Text; unknown_commissions: number; net_realized_pnl: Text; unknown_net: number
  estimated_realized_pnl: Text
}
export interface Certification { account: string; trade_date: Text; state: string; executions: number; open: number; corrected: number }

export interface GatewayStatus {
  gateway: string; is_paper: boolean; connected: boolean | null; stale: boolean | null; stale_since: Text
  server_version: number | null; last_error: Text; host?: string; port?: number; address?: Text
  state: Text; down_expected: boolean | null; owner: Text
}
export type Gate = 'OK' | 'STALE' | 'BROKEN'
export interface AccountStatus {
  account: string; gateway: string; last_synced_at: Text; revision: number; open_positions: number
  open_breaks: number; settling_breaks: number; coverage: Text; coverage_gaps: number; covered_from: Text
  covered_to: Text; last_outcome: Text; last_error: Text; certified_through: Text; gate: Gate; gate_reason: string
}
export interface Statistics {
  total_syncs: number; successful_syncs: number; failed_syncs: number; positions_created: number
  positions_updated: number; positions_closed: number; callback_triggers: number; last_error: Text; last_sync_time: Text
}
export interface Status {
  now: string; gateways: GatewayStatus[]; accounts: AccountStatus[]; statistics: Statistics; version: string
  sync_running: boolean; report_zone?: string; sync_interval_seconds?: number
}
export interface List<Row> { items: Row[]; next: Text; as_of: string }
export interface Why {
  position: Position; executions: Execution[]; adjustments: Adjustment[]; closes: Close[]; lots: Lot[]
  events: PositionEvent[]; history: History[]; breaks: Break[]; certified_through: Text; explanation: string[]
}
