// A certified OpenID Provider on a free port of loopback, with accounts and clients for tests.
//   node server.mjs FOLDER_WITH_NODE_MODULES [MORE_CONFIGURATION_AS_JSON]
// It prints its issuer once it listens. Each line that comes, {"name": claims}, changes accounts and
// is answered by a line; it ends with its standard input.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, more = '{}'] = process.argv.slice(2);
const main = createRequire(`${folder}/package.json`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(main));

const redirects = { redirect_uris: ['https://registry.test/sso/callback'] };

const accounts = {
  alice: { preferred_username: 'Alice', email: 'alice@example.com', email_verified: true, groups: ['dev', 'ops'] },
  bob: { email: 'bob@example.com', email_verified: true, groups: [] },
  mallory: { email: 'alice@example.com', email_verified: false, groups: ['Dev', 'no such name'] },
  eve: { preferred_username: 'al ice', groups: ['dev'] },
  nobody: {},
};

const configuration = {
  clients: [
    { client_id: 'registry', client_secret: 'se:cret%2B+/=?', ...redirects },
    { client_id: 'public', token_endpoint_auth_method: 'none', ...redirects },
    { client_id: 'post', client_secret: 'se:cret%2B+/=?', token_endpoint_auth_method: 'client_secret_post', ...redirects },
  ],
  claims: {
    openid: ['sub'],
    profile: ['preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  pkce: { required: () => true },
  cookies: { keys: ['for tests only'] },
  findAccount: (_, id) =>
    accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  ...JSON.parse(more),
};

const server = createServer((request, response) => callback(request, response));
let callback;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  callback = new Provider(issuer, configuration).callback();
  process.stdout.write(`${issuer}\n`);
});
createInterface({ input: process.stdin })
  .on('line', (line) => {
    Object.assign(accounts, JSON.parse(line));
    process.stdout.write('changed\n');
  })
  .on('close', () => process.exit(0));
