import type { GatewayStatus } from './types'

/** What a gateway is, in words: also why it is no alarm that nothing comes. */
export function stateOf(gateway: GatewayStatus): string {
  if (gateway.state === 'standby') return 'standing by'
  if (gateway.connected === null) return 'not known'
  if (gateway.connected && !gateway.stale) return 'connected'
  if (gateway.down_expected) return 'away, as expected'
  return gateway.connected ? 'silent' : 'away'
}
