import ChevronRight from 'lucide-react/icons/chevron-right';
import { type FormEvent, useMemo, useRef, useState } from 'react';
import { Link } from 'wouter';
import { ApiError, api, asApiError } from '../../api/client';
import type { Job } from '../../api/job';
import type { DeployRequest } from '../../api/ssh';
import { either, tagObjection, tagsToGive } from '../../lib/access';
import { displayName } from '../../lib/names';
import { useAccess } from '../../lib/use-access';
import { live } from '../../live/store';
import { Button } from '../../ui/button';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { TextField } from '../../ui/text-field';
import { parseTags } from '../fleet/parse-tags';
import { CheckView, hopeless, isReady, loggedIn, withoutRoot } from './check-view';
import { keyToConfirm } from './check-words';
import { Choice } from './choice';
import { DeployView } from './deploy-view';
import { EMPTY_LOGIN, type LoginDraft, loginOf, objection, placeOf, targetWords } from './draft';
import { Fold } from './fold';
import { JumpFields, LoginFields } from './login-fields';
import { useCheck } from './use-check';

interface Props {
  /** From here on a stray click must not close the dialog. */
  onSticky(sticky: boolean): void;
  /** To the way that needs no SSH. */
  onByHand: (() => void) | null;
  onClose(): void;
}

/** Under the name that was given, else the machine's own, else, when another has that, its address. */
async function deployAs(given: string, hostname: string, request: DeployRequest) {
  const own = given || (hostname === 'localhost' ? '' : hostname);
  if (own === '') return api.deployNew(request);
  try {
    return await api.deployNew({ ...request, name: own });
  } catch (cause) {
    if (given !== '' || !(cause instanceof ApiError) || cause.kind !== 'name_taken') throw cause;
    return api.deployNew(request);
  }
}

type Phase = 'login' | 'check' | 'deploy';

/** Where and who; what the check found; the deployment live. Secrets are in this state alone and go with it. */
export function OverSsh({ onSticky, onByHand, onClose }: Props) {
  const [phase, setPhase] = useState<Phase>('login');
  const [draft, setDraft] = useState<LoginDraft>(EMPTY_LOGIN);
  const [name, setName] = useState('');
  const { who } = useAccess();
  const give = useMemo(() => tagsToGive(who, 'deploy'), [who]);
  const [tags, setTags] = useState(give.length === 1 ? give[0]! : '');
  const [remember, setRemember] = useState(true);
  const [keep, setKeep] = useState(false);
  const [rootless, setRootless] = useState(false);
  const [replace, setReplace] = useState(false);
  const [tried, setTried] = useState(false);
  const [deployed, setDeployed] = useState<{ node: number; job: Job } | null>(null);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const check = useCheck();
  const confirmedAt = useRef('');
  const lacking = tagObjection(give, parseTags(tags));
  const wrong = objection(draft) ?? (lacking === null ? null : { text: lacking });
  const { report } = check;

  function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (wrong) return;
    onSticky(true);
    setPhase('check');
    // What was confirmed was confirmed for a host: another one is asked about anew.
    const place = placeOf(draft);
    const same = place === confirmedAt.current;
    confirmedAt.current = place;
    setReplace(false);
    void check.run(draft, same ? check.confirmed : {}, rootless);
  }

  async function deploy() {
    if (busy) return;
    setBusy(true);
    setRefused(null);
    const request = {
      ...loginOf(draft, check.confirmed),
      remember,
      keep_on_failure: keep,
      without_root: rootless,
      ...(replace ? { replace } : {}),
    };
    try {
      if (deployed) {
        const { job } = await api.deployTo(deployed.node, request);
        live.putJob(job);
        setDeployed({ node: deployed.node, job });
      } else {
        const added = await deployAs(name.trim(), report?.facts?.hostname ?? '', {
          ...request,
          tags: parseTags(tags),
        });
        live.upsert(added.node);
        live.putJob(added.job);
        setDeployed({ node: added.node.id, job: added.job });
      }
      setPhase('deploy');
    } catch (cause) {
      setRefused(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }

  const facts = report?.facts;
  const stuck = report && !check.busy ? hopeless(report) : null;
  // A second try of the same deployment is no second node.
  const known = report?.known_node && report.known_node.id !== deployed?.node ? report.known_node : null;
  return (
    <div>
      <Fold
        number={1}
        title="Where and who"
        state={phase === 'login' ? 'open' : 'done'}
        summary={displayName(targetWords(draft), 60)}
        onOpen={phase === 'check' && !busy ? () => setPhase('login') : undefined}
      >
        <form onSubmit={submit} className="grid gap-4" autoComplete="off" noValidate>
          <LoginFields draft={draft} onChange={setDraft} />
          <details className="group" open={give.length > 0 || undefined}>
            <summary className="flex w-fit list-none items-center gap-1 rounded-sm text-sm text-dim hover:text-text">
              <ChevronRight size={14} aria-hidden className="transition-transform group-open:rotate-90" />
              More: name, tags, jump host
            </summary>
            <div className="mt-3 grid gap-4">
              <div className="grid gap-3 sm:grid-cols-2">
                <TextField
                  label="Name"
                  aside="else its host name"
                  testId="deploy-name"
                  maxLength={64}
                  value={name}
                  onChange={setName}
                />
                <TextField
                  label="Tags"
                  aside="with commas between"
                  note={
                    give.length > 0 ? `${either(give, 'or')} is among them, so that you see it.` : undefined
                  }
                  testId="deploy-tags"
                  value={tags}
                  onChange={setTags}
                />
              </div>
              <JumpFields draft={draft} onChange={setDraft} />
              {location.protocol === 'https:' && (
                <TextField
                  label="Pin of this server"
                  aside="where its certificate is not trusted"
                  note="sha256/ and the SHA-256 of its public key in base64. The Spider then trusts this key alone."
                  testId="deploy-pin"
                  maxLength={60}
                  value={draft.pin}
                  onChange={(pin) => setDraft({ ...draft, pin })}
                />
              )}
              <Choice
                checked={!remember}
                onChange={(forget) => setRemember(!forget)}
                label="Forget the credentials when it is done"
                note="Else they are kept sealed, for upgrades and packages. Telemetry needs none."
              />
              <Choice
                checked={keep}
                onChange={setKeep}
                label="Leave what was installed when the deployment fails"
                note="Else everything is taken back."
              />
            </div>
          </details>
          {tried && wrong && (
            <p role="alert" className="text-sm text-bad" data-testid="ssh-objection">
              {wrong.text}
            </p>
          )}
          <FormEnd label="Look at the host" testId="ssh-check" onLeave={onClose} />
        </form>
      </Fold>
      <Fold
        number={2}
        title="What is there"
        state={phase === 'login' ? 'waiting' : phase === 'check' ? 'open' : 'done'}
        summary={facts ? displayName([facts.os.name, facts.arch].filter(Boolean).join(', '), 60) : ''}
      >
        <div className="grid gap-4">
          <CheckView
            check={check}
            onConfirm={() => void check.confirm(draft, rootless)}
            onRetry={() => void check.run(draft, check.confirmed, rootless)}
            rootless={rootless}
          />
          {known && (
            <div className="grid gap-2 rounded-md border border-warn/45 px-3 py-2" data-testid="known-node">
              <p className="text-sm">
                This host is the node{' '}
                <Link href={`/nodes/${known.id}`} className="underline" onClick={onClose}>
                  {displayName(known.name, 60)}
                </Link>{' '}
                already. Deploy the Spider there again, and its history goes on.
              </p>
              <Choice
                checked={replace}
                onChange={setReplace}
                label="Deploy it as another node all the same"
                note={`${displayName(known.name, 60)} then hears no more of this host.`}
              />
            </div>
          )}
          {report && (rootless || withoutRoot(report)) && (
            <Choice
              checked={rootless}
              onChange={(wanted) => {
                setRootless(wanted);
                // Other things count then: whether its services go on after logout.
                void check.run(draft, check.confirmed, wanted);
              }}
              label="Install it without root, for this user alone"
              note="It runs while systemd runs services of this user, and can’t see all that root could."
            />
          )}
          {stuck && (
            <p role="alert" className="text-sm text-warn" data-testid="check-hopeless">
              {stuck}
            </p>
          )}
          {refused && <Problem error={refused} />}
          {/* In view however long the list of findings is. */}
          <div className="sticky bottom-0 -mb-2 flex flex-wrap justify-end gap-2 bg-panel py-2">
            <Button look="quiet" onClick={() => setPhase('login')}>
              Back
            </Button>
            {report && !report.ok && !check.busy && !keyToConfirm(report) && (
              <Button
                data-testid="check-again"
                onClick={() => void check.run(draft, check.confirmed, rootless)}
              >
                Look again
              </Button>
            )}
            {stuck && onByHand && (
              <Button look="primary" data-testid="to-by-hand" onClick={onByHand}>
                By hand…
              </Button>
            )}
            {report && !stuck && loggedIn(report) && (
              <Button
                look={isReady(report, rootless) ? 'primary' : 'plain'}
                data-testid="deploy-start"
                disabled={busy || check.busy || (known !== null && !replace)}
                onClick={() => void deploy()}
              >
                {busy
                  ? 'Starting…'
                  : isReady(report, rootless)
                    ? 'Deploy the Spider'
                    : 'Deploy in spite of this'}
              </Button>
            )}
          </div>
        </div>
      </Fold>
      <Fold number={3} title="Deployment" state={phase === 'deploy' ? 'open' : 'waiting'}>
        {deployed && (
          <DeployView
            key={deployed.job.id}
            job={deployed.job}
            node={deployed.node}
            onRetried={(job) => setDeployed({ node: deployed.node, job })}
            onBack={() => setPhase('login')}
            onClose={onClose}
          />
        )}
      </Fold>
    </div>
  );
}
