import { RepairRefused } from '../../agent/doctor/repair';

test('a refused setting names what would let it be set', () => {
  const change = { path: 'net/ipv4/conf/eth0.1/rp_filter', value: 2 };
  const refused = (code: string) => new RepairRefused(change, Object.assign(new Error(code), { code }));
  expect(refused('EACCES')).toMatchObject({
    message: 'setting net/ipv4/conf/eth0.1/rp_filter=2: EACCES; run it as root',
    code: 'EACCES',
  });
  expect(refused('EROFS').message).toBe('setting net/ipv4/conf/eth0.1/rp_filter=2: EROFS');
});
