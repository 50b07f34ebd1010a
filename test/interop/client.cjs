// Asks a gateway through @stoqey/ib for everything a reader may ask for and prints what it decoded as JSON: an independent
// reading of the simulator's bytes, and an independent writer of requests.
// usage: client.cjs PORT ACCOUNT CON_ID
const { IBApi, EventName } = require("@stoqey/ib");

const [port, account, conId] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const ib = new IBApi({ host: "127.0.0.1", port, clientId: 555 });
const result = {
  version: 0, accounts: [], time: 0, positions: [], positions_multi: [], executions: {}, commissions: [], portfolio: [], values: [],
  values_multi: [], summary: [], contracts: {}, family_codes: null, pnl: null, pnl_single: null, errors: {}, notices: [],
};
const waiting = new Set();
const ask = (what, request) => {
  waiting.add(what);
  request();
};
const done = (what) => {
  if (!waiting.delete(what) || waiting.size > 0) return;
  console.log(JSON.stringify(result));
  ib.disconnect();
  process.exit(0);
};
const held = (contract) => ({ con_id: contract.conId, symbol: contract.symbol, sec_type: contract.secType, currency: contract.currency,
  expiry: contract.lastTradeDateOrContractMonth, strike: contract.strike, right: contract.right, multiplier: contract.multiplier,
  local_symbol: contract.localSymbol, trading_class: contract.tradingClass });

ib.on(EventName.server, (version) => (result.version = version));
ib.on(EventName.info, (text, code) => result.notices.push(code));
ib.on(EventName.error, (error, code, id) => {
  (result.errors[id] ??= []).push(code);
  if (id === 25 || id === 10) return done(`error of ${id}`);
  console.error(`error ${code} of request ${id}: ${error.message}`);
});
ib.on(EventName.managedAccounts, (list) => {
  result.accounts.push(list);
  done("accounts");
});
ib.on(EventName.currentTime, (time) => {
  result.time = time;
  done("time");
});
ib.on(EventName.position, (who, contract, quantity, averageCost) => result.positions.push({ account: who, ...held(contract), quantity, averageCost }));
ib.on(EventName.positionEnd, () => done("positions"));
ib.on(EventName.positionMulti, (id, who, model, contract, quantity, averageCost) =>
  result.positions_multi.push({ id, account: who, model, ...held(contract), quantity, averageCost }));
ib.on(EventName.positionMultiEnd, (id) => done(`positions of ${id}`));
ib.on(EventName.execDetails, (id, contract, e) =>
  (result.executions[id] ??= []).push({ exec_id: e.execId, ...held(contract), side: e.side, shares: e.shares, price: e.price, time: e.time,
    account: e.acctNumber, exchange: e.exchange, client_id: e.clientId, order_ref: e.orderRef, perm_id: e.permId }));
ib.on(EventName.commissionReport, (report) =>
  result.commissions.push({ exec_id: report.execId, commission: report.commission, currency: report.currency, realized: report.realizedPNL }));
ib.on(EventName.execDetailsEnd, (id) => done(`executions of ${id}`));
ib.on(EventName.updatePortfolio, (contract, quantity, price, value, averageCost, unrealized, realized, who) =>
  result.portfolio.push({ ...held(contract), quantity, price, value, averageCost, unrealized, realized, account: who }));
ib.on(EventName.updateAccountValue, (key, value, currency, who) => result.values.push({ key, value, currency, account: who }));
ib.on(EventName.accountDownloadEnd, () => done("portfolio"));
ib.on(EventName.accountSummary, (id, who, tag, value, currency) => result.summary.push({ account: who, tag, value, currency }));
ib.on(EventName.accountSummaryEnd, () => done("summary"));
ib.on(EventName.accountUpdateMulti, (id, who, model, key, value, currency) => result.values_multi.push({ account: who, key, value, currency }));
ib.on(EventName.accountUpdateMultiEnd, () => done("values multi"));
ib.on(EventName.familyCodes, (codes) => {
  result.family_codes = codes;
  done("family codes");
});
// The first row may come before anything is known: DBL_MAX, which this client hands on as undefined or as the number itself.
const known = (number) => number !== undefined && number < 1e300;
ib.on(EventName.pnl, (id, daily, unrealized, realized) => {
  if (!known(daily)) return;
  result.pnl = { daily, unrealized: unrealized ?? null, realized: realized ?? null };
  done("pnl");
});
ib.on(EventName.pnlSingle, (id, quantity, daily, unrealized, realized, value) => {
  if (!known(daily)) return;
  result.pnl_single = { quantity, daily, unrealized: unrealized ?? null, realized: realized ?? null, value };
  done("pnl single");
});
for (const event of [EventName.contractDetails, EventName.bondContractDetails]) {
  ib.on(event, (id, details) => (result.contracts[id] ??= []).push({ ...held(details.contract), magnifier: details.priceMagnifier,
    zone: details.timeZoneId, min_tick: details.minTick, under: details.underConId }));
}
ib.on(EventName.contractDetailsEnd, (id) => done(`contract of ${id}`));
ib.once(EventName.nextValidId, () => {
  ask("accounts", () => ib.reqManagedAccts());
  ask("time", () => ib.reqCurrentTime());
  ask("positions", () => ib.reqPositions());
  ask("executions of 7", () => ib.reqExecutions(7, {}));
  ask("executions of 17", () => ib.reqExecutions(17, { acctCode: account, side: "SELL", secType: "STK" }));
  ask("executions of 18", () => ib.reqExecutions(18, { symbol: "NONE" }));
  ask("portfolio", () => ib.reqAccountUpdates(true, account));
  ask("summary", () => ib.reqAccountSummary(31, "All", "NetLiquidation,TotalCashValue,BuyingPower"));
  ask("contract of 8", () => ib.reqContractDetails(8, { conId }));
  ask("contract of 9", () => ib.reqContractDetails(9, { symbol: "AAPL", secType: "STK", exchange: "SMART", currency: "USD" }));
  ask("error of 10", () => ib.reqContractDetails(10, { conId: 999999999 }));
  if (result.version >= 103) {
    ask("positions of 21", () => ib.reqPositionsMulti(21, account, ""));
    ask("error of 25", () => ib.reqPositionsMulti(25, "DU7654321", ""));
    ask("values multi", () => ib.reqAccountUpdatesMulti(41, account, "", false));
  }
  if (result.version >= 107) ask("family codes", () => ib.reqFamilyCodes());
  if (result.version >= 127) {
    ask("pnl", () => ib.reqPnL(51, account, ""));
    ask("pnl single", () => ib.reqPnLSingle(52, account, "", conId));
  }
});
ib.connect();
setTimeout(() => {
  console.error(`no answer for: ${[...waiting].join(", ")}`);
  console.error(JSON.stringify(result));
  process.exit(1);
}, 15000);
