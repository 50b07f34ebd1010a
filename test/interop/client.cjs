// Reads a gateway through @stoqey/ib and prints what it decoded as JSON: an independent reading of the simulator's bytes.
const { IBApi, EventName } = require("@stoqey/ib");

const port = Number(process.argv[2]);
const account = process.argv[3];
const ib = new IBApi({ host: "127.0.0.1", port, clientId: 555 });
const result = { version: 0, accounts: "", positions: [], executions: [], commissions: [], portfolio: [], values: {}, contract: null };
const waiting = new Set(["positions", "executions", "portfolio", "contract"]);
const done = (what) => {
  waiting.delete(what);
  if (waiting.size > 0) return;
  console.log(JSON.stringify(result));
  ib.disconnect();
  process.exit(0);
};

ib.on(EventName.server, (version) => (result.version = version));
ib.on(EventName.error, (error, code, id) => {
  if (code >= 2100 && code < 2170) return;
  console.error(`error ${code} of request ${id}: ${error.message}`);
});
ib.on(EventName.managedAccounts, (list) => (result.accounts = list));
ib.on(EventName.position, (who, contract, quantity, averageCost) =>
  result.positions.push({ account: who, con_id: contract.conId, symbol: contract.symbol, sec_type: contract.secType, quantity, averageCost }));
ib.on(EventName.positionEnd, () => done("positions"));
ib.on(EventName.execDetails, (id, contract, e) =>
  result.executions.push({ exec_id: e.execId, con_id: contract.conId, side: e.side, shares: e.shares, price: e.price, time: e.time, account: e.acctNumber }));
ib.on(EventName.commissionReport, (report) =>
  result.commissions.push({ exec_id: report.execId, commission: report.commission, currency: report.currency }));
ib.on(EventName.execDetailsEnd, () => done("executions"));
ib.on(EventName.updatePortfolio, (contract, quantity, price, value, averageCost) =>
  result.portfolio.push({ con_id: contract.conId, quantity, price, value, averageCost }));
ib.on(EventName.updateAccountValue, (key, value) => (result.values[key] = value));
ib.on(EventName.accountDownloadEnd, () => done("portfolio"));
ib.on(EventName.contractDetails, (id, details) => (result.contract = { con_id: details.contract.conId, magnifier: details.priceMagnifier, zone: details.timeZoneId }));
ib.on(EventName.contractDetailsEnd, () => done("contract"));
ib.once(EventName.nextValidId, () => {
  ib.reqPositions();
  ib.reqExecutions(7, {});
  ib.reqAccountUpdates(true, account);
  ib.reqContractDetails(8, { conId: Number(process.argv[4]) });
});
ib.connect();
setTimeout(() => {
  console.error(`no answer for: ${[...waiting].join(", ")}`);
  process.exit(1);
}, 15000);
